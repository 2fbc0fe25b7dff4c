"""Pictures of a front on a terminal, made of what its admin side says: for ``top`` and the demo.

Values in, something that rich can print out.  Imports nothing else of sipfront, asks nobody.
"""

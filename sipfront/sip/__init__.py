"""What a SIP message says: octets in, values out.

Pure: no ``async``, no socket, no clock, no randomness, no logging.  Imports nothing else of
sipfront; everything else of sipfront may import it.
"""

"""Ask one node one question: a library, and a command of its own (``python -m probes``).

Imports ``sipfront.sip`` and nothing else of sipfront; the front hands each probe a way to send.
"""

"""What a SIP element must do: transactions, dialogs, bindings, hiding, forwarding, the engine.

Pure: no ``async``, no socket, no clock, no randomness, no logging.  ``now`` and fresh octets come
in as arguments, outputs are values.  Imports :mod:`sipfront.sip` and nothing else of sipfront.
"""

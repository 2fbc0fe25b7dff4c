"""Which node carries traffic, and why: evidence -> verdict -> decision.

Pure: no ``async``, no socket, no clock, no randomness, no logging.  ``now`` (seconds of the
monotonic clock) comes in as an argument, outputs are values.  Imports nothing else of sipfront:
it does not know what SIP looks like; the runtime feeds it evidence and carries out its actions.
"""

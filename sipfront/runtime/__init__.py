"""The shells around the pure engine and the pure monitor: sockets, connections, names, the clock.

Holds no SIP rule and no rule of health: octets go in and out, times are read, values are carried
from one pure room to the other.  Nothing here blocks the loop.  Imported by ``admin``, ``demo``
and ``cli``, which hand in what they want to run beside the front.
"""

"""What must outlive the process.

A store keeps rows: (kind, key) -> octets.  It knows nothing of SIP, of nodes or of the engine; what
the octets mean is the runtime's (:mod:`sipfront.runtime.persist`).
"""

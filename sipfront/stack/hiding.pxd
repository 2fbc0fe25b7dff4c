# Types of the compiled build; the meaning stands in hiding.py.
import cython

cdef class OutsideTarget:
    cdef public int owner, listener, port, target_port
    cdef public str host, target_host
    cdef public bytes tag


cdef class NodeTarget:
    cdef public int node, port
    cdef public str host
    cdef public bytes tag


cdef class Tokens:
    cdef bytes _binding_key
    cdef tuple _homes
    cdef list _keys
    cdef public dict _cache, _hidden

    cpdef tuple hidden(self, tuple seen)
    cpdef hide(self, tuple seen, tuple made)
    @cython.locals(token=bytes, payload=bytes)
    cpdef bytes node(self, int node, str host, int port)
    cpdef bytes binding(self, bytes aor, bytes who)
    cpdef open(self, bytes token)
    cpdef bint genuine(self, bytes token)
    cdef bytes _remember(self, key, bytes token)
    cdef bytes _seal_if_it_fits(self, bytes kind, bytes payload)
    cdef bytes _seal(self, bytes kind, bytes payload)
    cdef bytes _unseal(self, bytes token)
    cdef object _kept_node(self, bytes payload)

# Types of the compiled build; the meaning stands in flows.py.
import cython

cdef class Listener:
    cdef public int index
    cdef public object transport, bound
    cdef public bytes host, contact, via
    cdef public int port
    cdef public bint inside


cdef class Flow:
    cdef public long long ident
    cdef public int port, node
    cdef public Listener listener
    cdef public str host
    cdef public object handle
    cdef public bint open, reliable
    cdef public Flow successor
    cdef public bytes phone


cdef class Flows:
    cdef public list listeners
    cdef public dict _udp, _streams
    cdef int _next

    @cython.locals(key=tuple, found=Flow)
    cpdef Flow udp(self, Listener listener, str host, int port, int node=*)
    cpdef Flow now(self, Flow flow)
    cpdef Flow find(self, int index, str host, int port)

# Types of the compiled build; the meaning stands in dialog.py.
import cython

from sipfront.stack.flows cimport Flow
from sipfront.stack.session cimport Session

cdef class Leg:
    cdef public bytes key, call_id, outside_tag, inside_tag, kind
    cdef public bytes outside_target, outside_routes, outside_token, outside_party
    cdef public bytes inside_target, inside_routes, inside_token, inside_party, inside_uri
    cdef public bytes event, correlation, alias
    cdef public str trunk
    cdef public int owner, state
    cdef public object epoch, outside_cseq, inside_cseq, kept
    cdef public bint by_outside, lost
    cdef public double seen, until
    cdef public Flow outside_flow, inside_flow
    cdef public Session session
    cdef public Leg joined


cpdef bytes key_of(bytes call_id, bytes outside_tag, bytes inside_tag)


cdef class Legs:
    cdef public dict _legs, _aliases, unacked, _changed, _gone
    cdef public list _removed, owned
    cdef public object limit, recent
    cdef public int joined, forgotten

    cpdef Leg find(self, bytes call_id, bytes outside_tag, bytes inside_tag)
    cpdef alias(self, Leg leg)
    cpdef add(self, Leg leg)
    cpdef confirm(self, Leg leg)
    @cython.locals(key=bytes)
    cpdef remove(self, Leg leg)
    cdef object _recently(self, Leg leg)
    cpdef refreshed(self, Leg leg)
    cpdef bint was_ended(self, bytes call_id, bytes outside_tag, bytes inside_tag) except -1

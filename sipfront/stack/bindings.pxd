# Types of the compiled build; the meaning stands in bindings.py.
import cython

from sipfront.stack.flows cimport Flow

cdef class Binding:
    cdef public bytes name, aor, contact, user_agent, call_id, params, shown, also, uri, to, user
    cdef public Flow flow
    cdef public double expires, seen, due
    cdef public list held, granted
    cdef public object cseq, number, agreed
    cdef public bint local, doubted, remade


cdef class Bindings:
    cdef public object limit, per_aor
    cdef public dict _names, _aors, _users, _changed

    cpdef Binding get(self, bytes name)
    cpdef bint room(self, bytes name) except -1
    cpdef remove(self, Binding binding)
    cpdef touch(self, Binding binding)
    @cython.locals(b=Binding)
    cpdef list of(self, bytes aor, double now)

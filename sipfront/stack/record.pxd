# Types of the compiled build; the meaning stands in record.py.
from sipfront.stack.dialog cimport Leg

cdef class Record:
    cdef public bytes id, call_id, tag, caller, callee, reached, other
    cdef public double began, rang, answered, ended, left, restored
    cdef public bint by_outside, proxied, saved, half
    cdef public str trunk_in, trunk_out, ender
    cdef public int first, node, status, done, weak
    cdef public object epoch
    cdef public list keys

    cpdef given(self, int node)


cpdef bint begins(Record record, Leg leg) except -1

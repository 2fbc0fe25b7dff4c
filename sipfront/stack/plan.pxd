# Types of the compiled build; the meaning stands in plan.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.stack.dialog cimport Leg
from sipfront.stack.flows cimport Flow
from sipfront.stack.record cimport Record

cdef class Target:
    cdef public bytes uri, routes
    cdef public Flow flow
    cdef public object binding


cdef class Plan:
    cdef public bint to_node, local, emergency, overflowed, retried, second, admitted
    cdef public object node, registration, enrolment, passing, kept
    cdef public Leg leg
    cdef public bytes uri, routes, extra, masked, aor, correlation
    cdef public list targets, spare
    cdef public str trunk
    cdef public int attempts, turn
    cdef public Record record

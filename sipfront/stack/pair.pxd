# Types of the compiled build; the meaning stands in pair.py.
import cython

from sipfront.stack.flows cimport Flow

cdef class Link:
    cdef public int node, sends, samples, finals, failed
    cdef public tuple flows
    cdef public double heard, first_unanswered, srtt, var, interval, overloaded_until
    cdef public bint suspect
    cdef public dict pending, left, ringing, serving
    cdef public set hedged, started

    cpdef sent(self, double now)
    cpdef bint spoke(self, double now) except -1
    cpdef over(self, bytes branch)
    cpdef bint silent(self, double now) except -1
    @cython.locals(wanted=double, floor=double)
    cpdef sample(self, double took, timing)


cdef class Pair:
    cdef public list links
    cdef public object route

    @cython.locals(link=Link)
    cpdef bint doubtful(self, int node) except -1
    cpdef bint down(self, int node) except -1
    @cython.locals(link=Link, flows=tuple)
    cpdef Flow flow(self, int node, bint local)

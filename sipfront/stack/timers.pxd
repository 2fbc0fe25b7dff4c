# Types of the compiled build; the meaning stands in timers.py.
import cython

cdef class Timed:
    cdef public double resend_at, until


cdef class Sleeper(Timed):
    pass


cdef class Timers:
    cdef dict _queues

    @cython.locals(deadline=double)
    cpdef start(self, Timed owner, int kind, double length, double now)
    @cython.locals(best=double, deadline=double, kind=int, owner=Timed, entry=tuple)
    cpdef next_deadline(self)
    @cython.locals(fired=list, deadline=double, kind=int, owner=Timed, entry=tuple)
    cpdef list due(self, double now)

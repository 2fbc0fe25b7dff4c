# Types of the compiled build; the meaning stands in timers.py.
import cython

cdef double _COARSE
cdef int _GRAINS

cdef class Timed:
    cdef public double resend_at, until


cdef class Sleeper(Timed):
    pass


cdef class Timers:
    cdef dict _queues

    @cython.locals(deadline=double, grain=long)
    cpdef start(self, Timed owner, int kind, double length, double now)
    @cython.locals(best=double, deadline=double, kind=int, owner=Timed, entry=tuple)
    cpdef next_deadline(self)
    @cython.locals(fired=list, deadline=double, kind=int, owner=Timed, entry=tuple)
    cpdef list due(self, double now)

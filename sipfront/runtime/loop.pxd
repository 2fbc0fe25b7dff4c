# Types of the compiled build; the meaning stands in loop.py.
import cython

from sipfront.stack.flows cimport Flow

cdef class Driver:
    cdef public object engine, supervisor, tape, datagrams, dial, before
    cdef public dict counters
    cdef object _now, _loop, _timer
    cdef bint _scheduled, _closed
    cdef double _timer_at
    cdef int _bugs

    cdef object _schedule(self)
    @cython.locals(now=double, out=list, flow=Flow)
    cdef bint _carry(self)
    cdef object _send(self, Flow flow, data)
    cdef object _arm(self)
    cdef object _bug(self, str where, error)

# Types of the compiled build; the meaning stands in session.py.
import cython

from sipfront.sip.message cimport Message

cdef class Session:
    cdef public bytes outside_sdp, inside_sdp, offer, guess
    cdef public int state, refresher, can
    cdef public long long interval
    cdef public bint asker
    cdef public object cseq, unacked
    cdef public double refreshed

    cpdef double ends(self)
    @cython.locals(method=bytes, sdp=bytes)
    cpdef bint asked(self, Message message, bint by_outside, cseq=*)
    @cython.locals(method=bytes, sdp=bytes, status=int, done=bint, firm=bint)
    cpdef bint replied(self, Message request, Message message, bint by_outside, double now)
    @cython.locals(row=tuple, action=int)
    cpdef bint _step(self, int event, bytes sdp, bint by_outside) except -1
    cdef object _agree(self, bytes answer, bint by_outside)
    @cython.locals(allow=bytes, supported=bytes, can=int)
    cdef object _can(self, Message message)
    @cython.locals(value=bytes, asked_for=bytes)
    cdef object _refreshed(self, Message request, Message message, bint by_outside, double now)


@cython.locals(kind=bytes)
cpdef bytes description(Message message)

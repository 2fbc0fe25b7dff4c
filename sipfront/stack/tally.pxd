# Types of the compiled build; the meaning stands in tally.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.stack.transaction cimport ServerTx

cdef int PROCEEDING

cdef class Tally:
    cdef public dict answers
    cdef public object heard, times
    cdef public double seconds

    @cython.locals(request=Message, took=double)
    cpdef answering(self, ServerTx server, int status, double now)

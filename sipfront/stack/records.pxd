# Types of the compiled build; the meaning stands in records.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.stack.dialog cimport Leg
from sipfront.stack.plan cimport Plan
from sipfront.stack.record cimport Record, begins
from sipfront.stack.transaction cimport ClientTx, ServerTx

cdef int PROCEEDING, FROM, TO

cdef class Records:
    cdef object _limit, _fresh, _lasting
    cdef public dict _live, _dialogs, _dirty
    cdef public list _gone, ended_calls
    cdef public double follows_until
    cdef double _sweep_at
    cdef public int begun

    @cython.locals(request=Message, leg=Leg, key=tuple, known=Record, record=Record, record_=Record)
    cpdef started(self, ServerTx server, Plan plan, epoch, double now)
    @cython.locals(record=Record)
    cdef Record _begin(self, bytes name, Message request, tuple key, double now)
    cdef object _again(self, Record record, Plan plan)
    cdef object _second(self, Record record, tuple key, Message request, Plan plan)
    @cython.locals(plan=Plan, record=Record, first=bint, branch=ClientTx)
    cpdef answering(self, ServerTx server, int status, double now)
    cdef object _other_answered(self, Record record, ServerTx server, Plan plan, int status)
    @cython.locals(record=Record)
    cdef object _bye(self, Leg leg, bint outside, double now)
    @cython.locals(record=Record)
    cpdef Record of(self, Leg leg)
    cdef object _close(self, Record record, str ender, double now)
    cdef object _discard(self, Record record)
    cdef object _forget(self, Record record)

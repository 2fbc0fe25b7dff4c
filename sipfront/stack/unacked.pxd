# Types of the compiled build; the meaning stands in unacked.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.stack.dialog cimport Leg
from sipfront.stack.flows cimport Flow
from sipfront.stack.plan cimport Plan, Target
from sipfront.stack.shared cimport Shared
from sipfront.stack.timers cimport Sleeper, Timers

cdef class Unacked:
    cdef Shared _shared
    cdef object _proxy
    cdef public object timing
    cdef public Timers timers
    cdef set _repeated

    @cython.locals(target=Target, inside=Flow)
    cpdef passes(self, Plan plan, Message message, Flow flow, double now)

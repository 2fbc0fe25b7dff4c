# Types of the compiled build; the meaning stands in lifetime.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.stack.dialog cimport Leg
from sipfront.stack.session cimport Session
from sipfront.stack.timers cimport Sleeper

@cython.locals(session=Session)
cpdef learn(Leg leg, Message request, Message message, double now)

# Types of the compiled build; the meaning stands in policy.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.stack.pair cimport Link
from sipfront.stack.plan cimport Plan
from sipfront.stack.shared cimport Shared

@cython.locals(link=Link, left=dict)
cpdef may_start(Shared shared, int node, Message message, Plan plan, double now)

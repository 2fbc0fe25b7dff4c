# Types of the compiled build; the meaning stands in failover.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.stack.flows cimport Flow
from sipfront.stack.pair cimport Link, Pair
from sipfront.stack.plan cimport Plan
from sipfront.stack.shared cimport Shared
from sipfront.stack.transaction cimport ClientTx, ServerTx

cdef class Failover:
    cdef Shared _shared
    cdef object _proxy
    cdef public dict parked

    @cython.locals(pair=Pair, link=Link, doubtful=bint)
    cpdef to_pair(self, ServerTx server, Plan plan, double now)
    @cython.locals(link=Link)
    cpdef unanswered(self, ClientTx client, double now)

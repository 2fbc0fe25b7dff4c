# Types of the compiled build; the meaning stands in proxy.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.stack.branches cimport Builder
from sipfront.stack.dialog cimport Leg
from sipfront.stack.failover cimport Failover
from sipfront.stack.flows cimport Flow
from sipfront.stack.layer cimport Transactions
from sipfront.stack.lessons cimport node_answered
from sipfront.stack.pair cimport Link, Pair
from sipfront.stack.plan cimport Plan, Target
from sipfront.stack.shared cimport Shared
from sipfront.stack.transaction cimport ClientTx, ServerTx
from sipfront.stack.unacked cimport Unacked

cdef int AUTHORIZATION, PROXY_AUTHORIZATION, SUBSCRIPTION_STATE, CONFIRMED, EARLY, ENDED
cdef int OUTSIDE, UNTIL, PROCEEDING, TERMINATED

cdef class Proxy:
    cdef Shared _shared
    cdef public Builder builder
    cdef public Transactions layer
    cdef public Failover failover
    cdef public Unacked unacked
    cdef public object aftermath, parting, farewells, orphans, owed, joined, sweep, leaving
    cdef public object gate, reinvites

    @cython.locals(target=Target, node=int, link=Link)
    cpdef start(self, ServerTx server, Plan plan, double now)
    @cython.locals(pair=Pair, link=Link, flow=Flow, request=Message, branch=bytes, data=bytes, client=ClientTx)
    cpdef ClientTx into(self, ServerTx server, Plan plan, int node, double now)
    @cython.locals(request=Message, branch=bytes, data=bytes, client=ClientTx)
    cpdef out(self, ServerTx server, Plan plan, Target target, double now)
    @cython.locals(request=Message, tag=bytes, data=bytes)
    cpdef refuse(self, ServerTx server, int status, double now, bytes extra=*, bytes body=*)
    @cython.locals(status=int, first_provisional=bint, server=ServerTx, plan=Plan, data=bytes)
    cpdef answered(self, ClientTx client, Message message, double now)
    @cython.locals(shared=Shared, request=Message, data=bytes, branch=ClientTx, leg=Leg)
    cdef object _success(self, ClientTx client, ServerTx server, Plan plan, Message message, double now)
    @cython.locals(branch=ClientTx)
    cdef object _won(self, ClientTx client, ServerTx server, double now)
    @cython.locals(shared=Shared, link=Link, was=int)
    cpdef end(self, Leg leg, bint remember=*)
    @cython.locals(link=Link, branch=ClientTx, leg=Leg)
    cdef object _settled(self, ServerTx server, bint up=*)

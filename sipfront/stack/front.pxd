# Types of the compiled build; the meaning stands in front.py.
import cython

from sipfront.sip.message cimport Message, scan
from sipfront.sip.uri cimport Uri, parse_uri
from sipfront.sip.via cimport Via
from sipfront.stack.dialog cimport Leg
from sipfront.stack.flows cimport Flow
from sipfront.stack.layer cimport Transactions
from sipfront.stack.matching cimport mismatch, server_key, top_via, way_back
from sipfront.stack.pair cimport Link, Pair
from sipfront.stack.plan cimport Plan
from sipfront.stack.policy cimport may_start
from sipfront.stack.proxy cimport Proxy
from sipfront.stack.routing cimport Router
from sipfront.stack.shared cimport Shared
from sipfront.stack.transaction cimport ClientTx, ServerTx

cdef int MAX_FORWARDS, PROXY_REQUIRE, VIA, STRANGER, ACCEPTED, COMPLETED, CONFIRMED, PROCEEDING

cdef class Engine:
    cdef public Shared shared
    cdef public Router _router
    cdef public Proxy _proxy
    cdef public Transactions _layer
    cdef public object registrations, care, _trunk_clients
    cdef public dict counters
    cdef int _probes

    @cython.locals(node=int, shared=Shared, link=Link, message=Message)
    cpdef receive(self, bytes data, Flow flow, double now)
    cpdef next_deadline(self)
    cpdef expire(self, double now)
    cpdef list take(self)
    cpdef list notices(self)
    @cython.locals(value=bytes, at=Py_ssize_t, branch=bytes, client=ClientTx)
    cdef object _response(self, Message message, Flow flow, double now)
    @cython.locals(method=bytes, key=bytes, server=ServerTx, found=ServerTx, shared=Shared, reply_flow=Flow, vias=bytes, plan=Plan, via=Via)
    cdef object _request(self, Message message, Flow flow, double now)
    @cython.locals(shared=Shared, method=bytes, inside=bint, hops=bytes, plan=Plan, uri=Uri)
    cdef Plan _plan(self, Message message, Flow flow, double now)
    cdef bint _banned(self, Message message, Flow flow, double now) except -1
    @cython.locals(lines=bytes, at=Py_ssize_t, client=ClientTx, server=ServerTx)
    cdef object _loop(self, Message message, Flow flow)
    @cython.locals(plan=Plan, hops=bytes, uri=Uri)
    cdef object _ack(self, Message message, Flow flow, double now)

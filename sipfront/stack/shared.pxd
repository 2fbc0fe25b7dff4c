# Types of the compiled build; the meaning stands in shared.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.stack.bindings cimport Bindings
from sipfront.stack.dialog cimport Legs
from sipfront.stack.flows cimport Flow, Flows, Listener
from sipfront.stack.guard cimport Guard, Nonces
from sipfront.stack.hiding cimport Tokens
from sipfront.stack.mask cimport Mask
from sipfront.stack.pair cimport Pair
from sipfront.stack.records cimport Records
from sipfront.stack.tally cimport Tally
from sipfront.stack.transaction cimport ClientTx, ServerTx

cdef class Shared:
    cdef public object settings, accounts, registrar, named, enrolments, setups
    cdef public Mask mask
    cdef public Tokens tokens
    cdef public Flows flows
    cdef public Legs legs
    cdef public Bindings bindings
    cdef public Pair pair
    cdef public Guard guard
    cdef public Nonces nonces
    cdef public Tally tally
    cdef public Records records
    cdef public dict parked, trunk_flows, counters
    cdef public list notices
    cdef public object own_hosts, inside_hosts, domains
    cdef public bytes domain
    cdef object _entropy
    cdef bytes _pool
    cdef Py_ssize_t _at

    cpdef count(self, str name)
    cpdef answering(self, ServerTx server, int status, double now)
    cpdef tell(self, notice)
    @cython.locals(at=Py_ssize_t)
    cpdef bytes fresh(self)
    @cython.locals(request=Message, flow=Flow, content=bytes)
    cpdef bytes lasting(self, ServerTx server, bytes what=*)
    @cython.locals(request=Message, where=bytes, before=int, one=ClientTx)
    cpdef bytes branch(self, ServerTx server, Flow flow)

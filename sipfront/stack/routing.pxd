# Types of the compiled build; the meaning stands in routing.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.stack.dialog cimport Leg
from sipfront.stack.flows cimport Flow
from sipfront.stack.plan cimport Plan, Target
from sipfront.stack.shared cimport Shared

cdef int AUTHORIZATION, OURS, PROXY_AUTHORIZATION

cdef class Router:
    cdef Shared _shared
    cdef list _sources
    cdef dict _known

    @cython.locals(plan=Plan, shared=Shared, local=bint)
    cpdef Plan from_outside(self, Message message, Flow flow, uri, double now)
    cdef tuple _who(self, str host)
    @cython.locals(shared=Shared, leg=Leg)
    cdef object _in_dialog_to_node(self, Plan plan, Message message, Flow flow, uri)
    cdef object _named_dialog(self, Message message)
    @cython.locals(value=bytes)
    cdef object _issuer(self, Message message, double now)
    @cython.locals(plan=Plan, other=Plan, shared=Shared)
    cpdef Plan from_node(self, Message message, Flow flow, uri, double now)
    @cython.locals(leg=Leg, plan=Plan)
    cdef Plan _between_nodes(self, Message message, Flow flow, uri)
    @cython.locals(value=bytes)
    cdef Leg _replaced(self, Message message)
    @cython.locals(shared=Shared, leg=Leg, out=Flow, found=Target)
    cdef object _in_dialog_to_outside(self, Plan plan, Message message, Flow flow, uri, bytes token)

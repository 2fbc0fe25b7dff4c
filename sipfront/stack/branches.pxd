# Types of the compiled build; the meaning stands in branches.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.stack.dialog cimport Leg
from sipfront.stack.disguise cimport Hide
from sipfront.stack.flows cimport Flow, Listener
from sipfront.stack.forward cimport contact_uri
from sipfront.stack.forward cimport request as forward_request
from sipfront.stack.forward cimport response as forward_response
from sipfront.stack.plan cimport Plan, Target
from sipfront.stack.session cimport Session
from sipfront.stack.shared cimport Shared
from sipfront.stack.transaction cimport ClientTx, ServerTx

cdef int CSEQ, EVENT, FROM, JOIN, RECORD_ROUTE, REFER_TO, REPLACES, TARGET_DIALOG, TO

cdef class Builder:
    cdef Shared _shared

    @cython.locals(shared=Shared, listener=Listener, branch=bytes, edits=list, leg=Leg, field=tuple, extra=bytes, data=bytes, target=bytes, hide=Hide)
    cpdef tuple to_node(self, Message message, Plan plan, int node, Flow flow, Flow by, ServerTx tx)
    @cython.locals(shared=Shared, listener=Listener, branch=bytes, edits=list, leg=Leg, data=bytes, contact=bytes, hide=Hide)
    cpdef tuple to_outside(self, Message message, Plan plan, Target target, int node, ServerTx tx)
    @cython.locals(field=tuple)
    cdef object _named_dialogs(self, Message message, list edits, bint inward)
    @cython.locals(field=tuple)
    cdef object _refer_to(self, Message message, list edits)
    @cython.locals(shared=Shared, request=Message, edits=list, redirect=bint, secure=bint, data=bytes, hide=Hide)
    cpdef bytes back(self, ClientTx client, ServerTx server, Plan plan, Message message, double now)
    @cython.locals(session=Session)
    cdef object _heard(self, Leg leg, Message request, Plan plan, Message message, double now)
    cdef object _kept(self, ServerTx server, Plan plan, Message message)
    @cython.locals(number=tuple, field=tuple, value=bytes)
    cdef object _restore(self, Message message, Message request, list edits)
    cdef bytes _shown(self, bytes value)
    @cython.locals(target=bytes, leg=Leg, shared=Shared, outside_tag=bytes, inside_tag=bytes, known=bint, owner=int, sent_to=bytes, first_routes=bytes, routes=bytes)
    cdef object _learn(self, ClientTx client, ServerTx server, Message request, Plan plan, Message message, hide, double now)

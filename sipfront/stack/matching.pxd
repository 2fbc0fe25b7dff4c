# Types of the compiled build; the meaning stands in matching.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.sip.params cimport split
from sipfront.sip.via cimport Via, parse_via
from sipfront.stack.flows cimport Flow, Flows
from sipfront.stack.transaction cimport ClientTx, ServerTx

cdef int VIA, OUTSIDE, STRANGER, _COMMA
cdef list _SIDES

@cython.locals(value=bytes)
cpdef Via top_via(Message message)
@cython.locals(keep=int, lines=list, value=bytes)
cpdef tuple way_back(Message message, Via via, Flow flow, Flows flows)
@cython.locals(side=bytes, branch=bytes)
cpdef bytes server_key(Message message, Via via, Flow flow, bytes method)
@cython.locals(server=ServerTx)
cpdef str mismatch(ClientTx client, Message message, Flow flow)

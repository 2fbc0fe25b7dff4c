# Types of the compiled build; the meaning stands in forward.py.
import cython

from sipfront.sip.message cimport Message, splice
from sipfront.sip.shapes cimport number
from sipfront.sip.uri cimport Uri, parse_uri
from sipfront.stack.flows cimport Listener

cdef int _DROP, _VIA, _MAX_FORWARDS, _CONTACT, _RETRY_AFTER, _QUOTE, _COMMA, _LEFT, _RIGHT, _YES
cdef bint COMPILED
cdef int CONTACT, CONTENT_LENGTH, MAX_FORWARDS
cdef bytearray _REQUEST_ACTIONS, _RESPONSE_ACTIONS
cdef list _HOPS, _TAILS
cdef bytes _TARGET, _TOKEN

@cython.locals(changes=list, lines=list, top=bytes, actions=bytearray, field=tuple, hid=int, action=int, left=Py_ssize_t)
cpdef bytes request(Message message, bytes uri, bytes via, bytes routes=*, contact=*, bytes extra=*, list edits=*)
@cython.locals(changes=list, top=bytes, actions=bytearray, field=tuple, hid=int, action=int)
cpdef bytes response(Message message, bytes vias, bytes record_routes=*, contact=*, list edits=*, bint drop_retry_after=*)
@cython.locals(begin=Py_ssize_t, length=Py_ssize_t, at=Py_ssize_t, end=Py_ssize_t, new=bytes)
cdef bytes _length(Message message, list changes)
cdef tuple _plain_span(bytes value)
@cython.locals(left=Py_ssize_t, right=Py_ssize_t)
cpdef tuple span_by_method(bytes value)
@cython.locals(octets="const unsigned char *", table="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t, left=Py_ssize_t, right=Py_ssize_t, octet=int, bad=bint)
cpdef tuple span_by_octet(bytes value)
cpdef list uri_spans(bytes value)
@cython.locals(at=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, value=bytes, found=list, old=bytes, new=bytes)
cdef object _contacts(Message message, tuple field, rewrite, list changes)
@cython.locals(field=tuple, value=bytes, spans=list, start=Py_ssize_t, end=Py_ssize_t)
cpdef bytes contact_uri(Message message)
@cython.locals(user=bytes, scheme=bytes, head=bytes, tail=bytes, kept=bytes)
cpdef bytes hidden(Uri uri, Listener listener, bytes token, bint secure=*)
cpdef tuple routed(bytes target, bytes routes)

# Types of the compiled build; the meaning stands in forward.py.
import cython

from sipfront.sip.message cimport Message, splice
from sipfront.sip.shapes cimport number
from sipfront.sip.uri cimport Uri, parse_uri

cdef int _DROP, _VIA, _MAX_FORWARDS, _CONTACT, _RETRY_AFTER, _QUOTE, _COMMA, _LEFT, _RIGHT
cdef int CONTACT, CONTENT_LENGTH, CONTENT_TYPE, FROM, MAX_FORWARDS, TO
cdef bytearray _REQUEST_ACTIONS, _RESPONSE_ACTIONS, _BETRAYS
cdef list _HOPS
cdef bytes _SDP, _TARGET

@cython.locals(changes=list, lines=list, top=bytes, actions=bytearray, field=tuple, hid=int, action=int, left=Py_ssize_t)
cpdef bytes request(Message message, bytes uri, bytes via, bytes routes=*, contact=*, bytes extra=*, list edits=*)
@cython.locals(changes=list, top=bytes, actions=bytearray, field=tuple, hid=int, action=int)
cpdef bytes response(Message message, bytes vias, bytes record_routes=*, contact=*, list edits=*, bint drop_retry_after=*)
@cython.locals(begin=Py_ssize_t, length=Py_ssize_t, at=Py_ssize_t, end=Py_ssize_t, new=bytes)
cdef bytes _length(Message message, list changes)
@cython.locals(left=Py_ssize_t, right=Py_ssize_t)
cdef tuple _plain_span(bytes value)
cpdef list uri_spans(bytes value)
@cython.locals(at=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, value=bytes, found=list, old=bytes, new=bytes)
cdef object _contacts(Message message, tuple field, rewrite, list changes)
@cython.locals(field=tuple, value=bytes, spans=list, start=Py_ssize_t, end=Py_ssize_t)
cpdef bytes contact_uri(Message message)
@cython.locals(user=bytes, scheme=bytes, head=bytes, tail=bytes, kept=bytes)
cpdef bytes hidden(Uri uri, listener, bytes token, bint secure=*)
cpdef tuple routed(bytes target, bytes routes)

cdef class Mask:
    cdef public tuple hosts
    cdef public bytes domain
    cdef public object pattern
    cdef public bint letters

    @cython.locals(seen=bytes, host=bytes)
    cpdef bytes clean(self, bytes value)
    @cython.locals(own=int, hid=int, betrays=bytearray, field=tuple, value=bytes, clean=bytes, masked=bytes)
    cpdef bytes edits(self, Message message, list edits, bytes body=*)
    @cython.locals(kind=bytes, whole=bytes, clean=bytes)
    cdef object _body(self, Message message, list edits, bytes body)

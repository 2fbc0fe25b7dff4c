# Types of the compiled build; the meaning stands in message.py.
import cython

from sipfront.sip.fields cimport header_id, usual
from sipfront.sip.shapes cimport number, remember, tag

cdef int _CR
cdef int CALL_ID, CONTENT_LENGTH, CSEQ, FROM, MAX_FORWARDS, OTHER, OURS, TO, VIA
cdef bytes _LWS
cdef list _NO_FIRST
cdef dict _STARTS, _CSEQS

cdef class Message:
    cdef readonly bytes data
    cdef public bytes method, uri, reason, call_id, cseq_method, from_tag, to_tag
    cdef public object cseq
    cdef public int status
    cdef public Py_ssize_t head_start, body_start, body_end
    cdef public list fields
    cdef public list _first

    @cython.locals(index=int)
    cpdef tuple field(self, int hid)
    @cython.locals(index=int)
    cpdef bint has(self, int hid)
    @cython.locals(index=int, field=tuple, value=bytes, octets="const unsigned char *", start=Py_ssize_t, stop=Py_ssize_t)
    cpdef bytes value(self, int hid)
    @cython.locals(data=bytes, field=tuple)
    cpdef list values(self, int hid)
    @cython.locals(data=bytes, field=tuple)
    cpdef bytes lines(self, int hid)
    cpdef list named(self, bytes name)


cpdef bytes unfold(bytes value)
@cython.locals(octets="const unsigned char *", parts=list, at=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, text=bytes, edit=tuple)
cpdef bytes splice(Message message, list edits)
@cython.locals(message=Message, eol=Py_ssize_t, body=Py_ssize_t, octets="const unsigned char *")
cpdef Message scan(bytes data)
@cython.locals(known=tuple)
cdef object _start_line(Message message, bytes line)
@cython.locals(data=bytes, fields=list, first=list, spellings=dict, lines=Py_ssize_t, eol=Py_ssize_t, end=Py_ssize_t, colon=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t, hid=int, name=bytes, octet=int)
cdef object _locate(Message message, Py_ssize_t at)
@cython.locals(call_id=bytes, cseq=bytes, sender=bytes, target=bytes, method=bytes, known=tuple)
cdef object _identify(Message message)
cdef tuple _cseq(bytes value)
@cython.locals(value=bytes, length=Py_ssize_t, stated=Py_ssize_t)
cdef object _measure(Message message)
@cython.locals(found=bytes)
cpdef bytes tag_of(bytes value)

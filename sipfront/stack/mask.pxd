# Types of the compiled build; the meaning stands in mask.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.sip.shapes cimport remember

cdef int CONTENT_LENGTH, CONTENT_TYPE, FROM, TO
cdef bytearray _BETRAYS
cdef bytes _SDP

cdef class Mask:
    cdef public tuple hosts
    cdef public bytes domain
    cdef public object pattern
    cdef public bint letters
    cdef dict _known

    @cython.locals(known=bytes, seen=bytes, host=bytes)
    cpdef bytes clean(self, bytes value)
    @cython.locals(own=int, hid=int, betrays=bytearray, field=tuple, value=bytes, clean=bytes, masked=bytes)
    cpdef bytes edits(self, Message message, list edits, bytes body=*)
    @cython.locals(kind=bytes, whole=bytes, clean=bytes)
    cdef object _body(self, Message message, list edits, bytes body)

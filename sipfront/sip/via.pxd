# Types of the compiled build; the meaning stands in via.py.
import cython

cdef bint COMPILED
cdef int _SPACE, _TAB, _YES, _SEMICOLON
cdef bytes _BLANKS, _FLAG, _START, _BRANCH, _SENT_BY
cdef dict _TRANSPORTS
cdef object _USUAL

cdef class Via:
    cdef public bytes protocol, transport, host, params, branch, sent_by
    cdef public object port
    cdef bytes _head
    cdef list _pairs

    cpdef bytes param(self, bytes name)
    @cython.locals(flag=Py_ssize_t, end=Py_ssize_t, text=bytes, out=list, wanted=bint, piece=bytes, name=bytes, shown=bytes)
    cpdef bytes stamped(self, bytes host, int port, int keep=*)


cdef bint _is_token(bytes data)
cpdef Via by_method(bytes value)
@cython.locals(octets="const unsigned char *", table="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t, begin=Py_ssize_t, end=Py_ssize_t, start=Py_ssize_t, flag=bint, transport=bytes, sent_by=bytes, tail=bytes, branch=bytes)
cpdef Via by_octet(bytes value)
@cython.locals(usual=Via, tail=bytes, sent_by=bytes, at=Py_ssize_t, size=Py_ssize_t, begin=Py_ssize_t, semicolon=Py_ssize_t)
cpdef Via parse_via(bytes value)

# Types of the compiled build; the meaning stands in via.py.
import cython

cdef int _SPACE, _TAB
cdef bytes _BLANKS, _FLAG
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
@cython.locals(tail=bytes, sent_by=bytes, at=Py_ssize_t, size=Py_ssize_t, begin=Py_ssize_t, semicolon=Py_ssize_t)
cpdef Via parse_via(bytes value)

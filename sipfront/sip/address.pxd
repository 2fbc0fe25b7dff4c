# Types of the compiled build; the meaning stands in address.py.
import cython

from sipfront.sip.uri cimport Uri, is_scheme, parse_uri

cdef int _COMMA, _QUESTION
cdef bytes _BLANKS, _DISPLAY

cdef class Address:
    cdef public bytes display, uri, params
    cdef public Py_ssize_t uri_start, uri_end
    cdef public bint bracketed
    cdef public list pairs

    cpdef bytes param(self, bytes name)
    cpdef Uri parsed(self)


@cython.locals(at=Py_ssize_t, size=Py_ssize_t, close=Py_ssize_t, left=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, quote=Py_ssize_t, display=bytes, uri=bytes, tail=bytes)
cpdef Address parse_address(bytes value)
cdef object _check_uri(bytes uri)

# Types of the compiled build; the meaning stands in fields.py.
import cython

cdef bint COMPILED
cdef int _TAB, _LF, _CR, _SPACE, _COLON

cpdef int header_id(bytes name) except -2
cpdef Py_ssize_t by_line(bytes data, Py_ssize_t at, list fields, list first) except -2
@cython.locals(octets="const unsigned char *", size=Py_ssize_t, place=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t, count=int, hid=int, name=bytes)
cpdef Py_ssize_t by_octet(bytes data, Py_ssize_t at, list fields, list first) except -2
@cython.locals(body=Py_ssize_t)
cpdef Py_ssize_t usual(bytes data, Py_ssize_t at, list fields, list first) except -2

# Types of the compiled build; the meaning stands in shapes.py.
import cython

cdef bint COMPILED
cdef int _YES, _QUOTE, _BACKSLASH, _LEFT, _RIGHT, _ZERO, _NINE

cpdef remember(dict known, bytes key, value)
cpdef bytes tag(bytes value)
cpdef bytes tag_by_method(bytes value)
@cython.locals(octets="const unsigned char *", display="const unsigned char *", uri="const unsigned char *", token="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t, begin=Py_ssize_t)
cpdef bytes tag_by_octet(bytes value)
@cython.locals(octets="const unsigned char *", size=Py_ssize_t, at=Py_ssize_t, found=Py_ssize_t)
cpdef Py_ssize_t number(bytes value) except -2

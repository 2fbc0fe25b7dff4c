# Types of the compiled build; the meaning stands in fields.py.
import cython

cdef bint COMPILED
cdef int _TAB, _LF, _CR, _SPACE, _COLON, OTHER, OURS
cdef dict IDS, SPELLINGS
cdef list _NUMBERS, _QUICK
cdef frozenset SINGLE

cpdef int header_id(bytes name) except -2
@cython.locals(end=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t, after=Py_ssize_t, count=int, index=int, hid=object)
cpdef Py_ssize_t by_line(bytes data, Py_ssize_t at, list fields, list first) except -2
@cython.locals(octets="const unsigned char *", letters="const unsigned char *", size=Py_ssize_t, place=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t, length=Py_ssize_t, same=Py_ssize_t, most=Py_ssize_t, count=int, hid=int, name=bytes, quick=tuple, numbers=list, here=object, after=object, known=object)
cpdef Py_ssize_t by_octet(bytes data, Py_ssize_t at, list fields, list first) except -2
@cython.locals(body=Py_ssize_t)
cpdef Py_ssize_t usual(bytes data, Py_ssize_t at, list fields, list first) except -2

# Types of the compiled build; the meaning stands in params.py.
import cython

cdef int _LF, _CR, _BACKSLASH, _QUOTE, _COMMA, _LEFT
cdef bytes _PLAIN, _VALUE, _LWS

cpdef bytes straight(bytes value)
@cython.locals(at=Py_ssize_t, close=Py_ssize_t, slash=Py_ssize_t)
cpdef Py_ssize_t quote_end(bytes data, Py_ssize_t start) except -1
cpdef bytes unquote(bytes value)
cpdef list pieces(bytes raw, bytes separator=*)
cpdef tuple pair(bytes piece)
cpdef list parse(bytes raw)
@cython.locals(key=bytes, value=bytes)
cpdef bytes get(list pairs, bytes name)
@cython.locals(octets="const unsigned char *", at=Py_ssize_t, begin=Py_ssize_t, end=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t, ends=list, spans=list)
cpdef list split(bytes value)
cdef list _commas(bytes value)

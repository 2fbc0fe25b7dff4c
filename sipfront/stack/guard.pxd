# Types of the compiled build; the meaning stands in guard.py.
import cython

cdef class Nonces:
    cdef public dict _nonces

    @cython.locals(found=tuple)
    cpdef issuer(self, bytes nonce, double now)


cdef class _Count:
    cdef public int refused
    cdef public double since, banned


cdef class Guard:
    cdef public object limits
    cdef public dict _counts

    @cython.locals(count=_Count)
    cpdef bint banned(self, str who, double now) except -1
    @cython.locals(count=_Count)
    cpdef accepted(self, str source)


@cython.locals(at=Py_ssize_t, rest=bytes)
cpdef bytes nonce_of(bytes value)

# Types of the compiled build; the meaning stands in uri.py.
import cython

from sipfront.sip.shapes cimport remember

cdef int _PERCENT, _SEMICOLON, _EQUALS
cdef bytes _USER, _PASSWORD, _PARAMS, _HEADERS, _HEX, _SCHEME
cdef dict _KNOWN

cdef class Uri:
    cdef public bytes raw, scheme, user, host, params, headers, opaque
    cdef public object port
    cdef bytes _host_key
    cdef dict _pairs

    @cython.locals(pairs=dict)
    cpdef bytes param(self, bytes name)
    cpdef Uri with_param(self, bytes name, bytes value=*)
    cpdef Uri _with_params(self, bytes params)
    cpdef bytes key(self)
    cpdef bint same(self, Uri other)


cdef object _check_escapes(bytes data)
cpdef bytes normalised(bytes data)
cdef object _check_params(bytes params)
cdef object _check_headers(bytes headers)
cdef object _check_user(bytes userinfo)
cpdef bint is_scheme(bytes scheme)
@cython.locals(known=Uri)
cpdef Uri parse_uri(bytes data)
@cython.locals(colon=Py_ssize_t, start=Py_ssize_t, at=Py_ssize_t, end=Py_ssize_t, question=Py_ssize_t, semicolon=Py_ssize_t, scheme=bytes, user=bytes, headers=bytes, params=bytes)
cdef Uri _parsed(bytes data)
cdef Uri _parse_other(bytes data, bytes scheme, Py_ssize_t start)

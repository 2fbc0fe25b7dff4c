# Types of the compiled build; the meaning stands in disguise.py.
import cython

from sipfront.sip.uri cimport Uri, parse_uri
from sipfront.stack.flows cimport Flow, Listener
from sipfront.stack.forward cimport hidden
from sipfront.stack.hiding cimport Tokens

cdef class Hide:
    cdef object _kept, _shared
    cdef Flow _flow
    cdef Listener _listener
    cdef int _node
    cdef bint _secure
    cdef public bint redirect
    cdef public bytes token

    @cython.locals(uri=Uri, token=bytes, tokens=Tokens)
    cpdef bytes _made(self, bytes raw)
    cpdef bytes _both(self, kept, str host, int port)
    cpdef bytes _mapped(self, Uri uri)

# Types of the compiled build; the meaning stands in transaction.py.
from sipfront.sip.message cimport Message
from sipfront.stack.flows cimport Flow
from sipfront.stack.plan cimport Plan
from sipfront.stack.timers cimport Timed

cdef class ServerTx(Timed):
    cdef public bytes key, vias, sent
    cdef public Message request
    cdef public Flow flow
    cdef public bint invite, cancelled, parked
    cdef public int state
    cdef public list table, branches
    cdef public double interval, received_at
    cdef public tuple best
    cdef public Plan plan


cdef class ClientTx(Timed):
    cdef public bytes branch, sent, ack, reason
    cdef public Flow flow
    cdef public int node, state, status, sends, probe
    cdef public bint invite, cancelling, cancel, abandoned, final
    cdef public list table, legs
    cdef public double interval, sent_at
    cdef public ServerTx server
    cdef public Message held
    cdef public object task

    cpdef empty(self)

# Types of the compiled build; the meaning stands in layer.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.stack.flows cimport Flow
from sipfront.stack.timers cimport Sleeper, Timed, Timers
from sipfront.stack.transaction cimport ClientTx, ServerTx

cdef int ACCEPTED, ACK, AGAIN, BACKOFF, BROKEN, COMPLETED, CONFIRMED, EVENTS, FAIL, GIVE_UP
cdef int LINGER, PASS, PROCEEDING, RECV_1XX, RECV_2XX, RECV_3XX, REQUEST, SEND, SEND_1XX
cdef int SEND_2XX, SEND_3XX, SEND_ACK, SLOW, START_RESEND, STOP_RESEND, STOP_UNTIL
cdef int TERMINATED, TIMER_RESEND, TIMER_UNTIL, RESEND, UNTIL

cdef class Transactions:
    cdef public object timing
    cdef public object _core, _count, _tally
    cdef public int absorbed
    cdef public dict clients, servers
    cdef public list outbox
    cdef public Timers timers

    @cython.locals(invite=bint)
    cpdef ServerTx open_server(self, bytes key, Message request, Flow flow, bytes vias, double now)
    cpdef again(self, ServerTx tx, double now)
    cpdef acknowledged(self, ServerTx tx, double now)
    @cython.locals(event=int)
    cpdef answer(self, ServerTx tx, bytes data, int status, double now)
    @cython.locals(state=int, actions=int)
    cdef object _server(self, ServerTx tx, int event, bytes data, double now)
    @cython.locals(length=double)
    cdef object _linger_server(self, ServerTx tx, double now)
    cpdef close_server(self, ServerTx tx)
    cpdef open_client(self, ClientTx tx, double now, double interval=*)
    @cython.locals(status=int, event=int)
    cpdef respond(self, ClientTx tx, Message message, double now)
    cpdef bint resend(self, ClientTx tx, double now)
    cpdef broken(self, ClientTx tx, double now)
    cpdef ring(self, ClientTx tx, double now)
    @cython.locals(state=int, actions=int)
    cdef object _client(self, ClientTx tx, int event, Message message, double now)
    @cython.locals(length=double)
    cdef object _linger_client(self, ClientTx tx, double now)
    cpdef close_client(self, ClientTx tx)
    @cython.locals(kind=int)
    cpdef expire(self, double now)
    @cython.locals(event=int)
    cdef object _fire(self, int kind, Timed owner, double now)

# Types of the compiled build; the meaning stands in lessons.py.
import cython

from sipfront.sip.message cimport Message
from sipfront.stack.guard cimport nonce_of
from sipfront.stack.pair cimport Link
from sipfront.stack.shared cimport Shared
from sipfront.stack.transaction cimport ClientTx

@cython.locals(link=Link, status=int, digits=bytes, wanted=bytes)
cpdef node_answered(Shared shared, ClientTx client, Message message, double now)

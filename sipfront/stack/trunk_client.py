"""The front registers itself at a trunk (``register: front``): a client of RFC 3261 section 10.2.

One machine for each account.  It asks at the first way to the trunk; answers the challenge; is
content until most of the time that was granted is over; goes to the next way when one is silent or
broken, and waits, longer each time, when all were.  A carrier that refuses is asked rarely: whoever
guesses is banned there.

========== ==================================== =========================================
state      event                                what happens
========== ==================================== =========================================
IDLE       WAYS: the trunk can be reached       ask
ASKING     ACCEPTED: 2xx                        STANDING, ask again at 60 % of the time
ASKING     CHALLENGED: 401, 407                 answer it, stay
ASKING     BRIEF: 423                           ask for longer, stay (10.2.8)
ASKING     MISSED: silence, broken flow, 5xx    ask by the next way
ASKING     SPENT: that was the last way         WAITING, 30 s to 10 min
ASKING     REFUSED: anything else               WAITING, 10 min
STANDING   DUE, or WAYS: its connection broke   ask
WAITING    DUE                                  ask
========== ==================================== =========================================
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from sipfront.sip.headers import MIN_EXPIRES, PROXY_AUTHENTICATE, WWW_AUTHENTICATE
from sipfront.stack.contacts import call_id, seconds_of
from sipfront.stack.enrolment import accepted, failed
from sipfront.stack.flows import OUTSIDE
from sipfront.stack.local import speak
from sipfront.stack.timers import UNTIL, Sleeper
from sipfront.stack.transaction import ClientTx

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.enrolment import Enrolment
    from sipfront.stack.flows import Flow
    from sipfront.stack.layer import Transactions
    from sipfront.stack.settings import Trunk
    from sipfront.stack.shared import Shared

#: Of the time that was granted: what is left is enough for the pauses after two failed tries.
FRACTION = 0.6
#: No carrier is asked more often, whatever it grants.
LEAST = 10.0
#: After all ways failed: the first pause, doubled each time, up to the longest (RFC 5626 4.5).
PAUSE = 30.0
LONGEST = 600.0
#: After a refusal; wrong credentials do not become right by being repeated.
REFUSED_PAUSE = 600.0
#: Answers to challenges for one REGISTER: one, and one more because the nonce was stale.
PROOFS = 2
#: No carrier wants a registration to last for longer than this at least.
MAX_MIN_EXPIRES = 86_400


class State(IntEnum):
    """Where it is."""

    IDLE = 0
    ASKING = 1
    STANDING = 2
    WAITING = 3


class Event(IntEnum):
    """What happens to it."""

    WAYS = 0
    ACCEPTED = 1
    CHALLENGED = 2
    BRIEF = 3
    MISSED = 4
    SPENT = 5
    REFUSED = 6
    DUE = 7


class Act(IntEnum):
    """What it does about it."""

    ASK = 0
    AGAIN = 1
    NEXT = 2
    REST = 3
    PAUSE = 4
    LONG_PAUSE = 5


TABLE: dict[tuple[State, Event], tuple[State, Act]] = {
    (State.IDLE, Event.WAYS): (State.ASKING, Act.ASK),
    (State.ASKING, Event.ACCEPTED): (State.STANDING, Act.REST),
    (State.ASKING, Event.CHALLENGED): (State.ASKING, Act.AGAIN),
    (State.ASKING, Event.BRIEF): (State.ASKING, Act.AGAIN),
    (State.ASKING, Event.MISSED): (State.ASKING, Act.NEXT),
    (State.ASKING, Event.SPENT): (State.WAITING, Act.PAUSE),
    (State.ASKING, Event.REFUSED): (State.WAITING, Act.LONG_PAUSE),
    (State.STANDING, Event.DUE): (State.ASKING, Act.ASK),
    (State.STANDING, Event.WAYS): (State.ASKING, Act.ASK),
    (State.WAITING, Event.DUE): (State.ASKING, Act.ASK),
}


class TrunkClient(Sleeper):
    """One account that the front keeps registered."""

    def __init__(
        self, shared: Shared, layer: Transactions, trunk: Trunk, enrolment: Enrolment
    ) -> None:
        self.trunk = trunk
        self.enrolment = enrolment
        self.state = State.IDLE
        self.resend_at = 0.0
        self.until = 0.0
        self._shared = shared
        self._layer = layer
        self._flows: tuple[Flow, ...] = ()
        self._way = 0
        self._tried = 0
        self._pauses = 0
        self._expiry = trunk.expiry
        self._proof = b""
        self._proofs = 0
        self._branch = b""
        self._leaving = False

    # -- what happens --------------------------------------------------------------------------

    def ways(self, flows: tuple[Flow, ...], now: float) -> None:
        """The ways to the trunk, in order of preference; a connection that broke is a new one."""
        self._flows = flows
        if not flows:
            return
        by = self.enrolment.flow
        if self.state is State.IDLE or (
            self.state is State.STANDING and by is not None and not by.open
        ):
            self._on(Event.WAYS, now)

    def answered(self, client: ClientTx, message: Message, now: float) -> None:
        """The carrier answered."""
        status = message.status
        if status < 200 or client.branch != self._branch:
            return
        if status < 300:
            self._accepted(client, message, now)
        elif status in (401, 407):
            self._challenged(message, now)
        elif status == 423:
            least = seconds_of(message.value(MIN_EXPIRES)) or 0
            longer = self._expiry < least <= MAX_MIN_EXPIRES
            self._expiry = least if longer else self._expiry
            self._on(Event.BRIEF if longer else Event.REFUSED, now, status)
        elif status >= 500 or status == 408:
            self._on(Event.MISSED, now, status)
        else:
            self._on(Event.REFUSED, now, status)

    def failed(self, now: float) -> None:
        """No answer came, or the connection broke."""
        if self.state is State.ASKING:
            self._on(Event.MISSED, now)

    def fired(self, now: float) -> None:
        """The time has come."""
        self._on(Event.DUE, now)

    def leave(self, now: float) -> None:
        """It is not wanted any more: end the registration, whatever becomes of that."""
        self.until = 0.0
        self._leaving = True
        self.state = State.IDLE
        if self.enrolment.expires > now and self._flows:
            self._expiry = 0
            self.state = State.ASKING
            self._start(now)

    # -- what it does --------------------------------------------------------------------------

    def _on(self, event: Event, now: float, status: int = 0) -> None:
        entry = TABLE.get((self.state, event))
        if entry is None:
            self._shared.count(f"absorbed: {event.name} in {self.state.name} of a trunk's account")
            return
        self.state, act = entry
        if self._leaving and act is not Act.AGAIN:
            self.state = State.IDLE
            return
        if event in (Event.MISSED, Event.REFUSED):
            why = "" if status else "no answer"
            if failed(self.enrolment, status, why):
                self._tell(now, "trunk_refused" if status else "trunk_silent", self.enrolment.why)
        if act is Act.NEXT:
            self._tried += 1
            self._way += 1
            if self._tried >= len(self._flows):
                self._on(Event.SPENT, now)
                return
            self._start(now)
        elif act is Act.ASK:
            self._tried = 0
            self._start(now)
        elif act is Act.AGAIN:
            self._ask(now)
        elif act is Act.REST:
            self._pauses = 0
            granted = self.enrolment.granted
            self._sleep(max(LEAST, granted * FRACTION), now)
        elif act is Act.PAUSE:
            self._sleep(min(LONGEST, PAUSE * 2**self._pauses), now)
            self._pauses = min(self._pauses + 1, 8)
        else:
            self._sleep(REFUSED_PAUSE, now)

    def _sleep(self, seconds: float, now: float) -> None:
        """Up to a tenth less, so that the accounts of a trunk do not all come at once."""
        spread = 1.0 - 0.1 * int(self._shared.fresh()[:2], 16) / 255
        self._layer.timers.start(self, UNTIL, float(max(1, round(seconds * spread))), now)

    def _start(self, now: float) -> None:
        self._proof = b""
        self._proofs = 0
        self._ask(now)

    def _ask(self, now: float) -> None:
        shared = self._shared
        if not self._flows:
            self._on(Event.SPENT, now)
            return
        flow = self._flows[self._way % len(self._flows)]
        own = self.enrolment
        host = self.trunk.domain
        branch = self._branch = b"z9hG4bK" + shared.fresh()
        contact = b"Contact: <%b>;expires=%d\r\n" % (own.contact(flow.listener), self._expiry)
        data = speak(
            b"REGISTER",
            b"sip:" + host,
            b"%b;branch=%b;rport" % (flow.listener.via, branch),
            b"",
            b"<sip:%b@%b>;tag=%b" % (own.user, host, shared.fresh()),
            b"<sip:%b@%b>" % (own.user, host),
            call_id(own.token),
            shared.enrolments.number(own, now),
            contact + self._proof,
        )
        client = ClientTx(branch, data, flow, OUTSIDE, False, None, now)
        client.task = self
        self._layer.open_client(client, now)

    def _accepted(self, client: ClientTx, message: Message, now: float) -> None:
        if accepted(self.enrolment, message, self._expiry, client.flow, now) and self._expiry:
            self._tell(now, "trunk_registered", f"for {self.enrolment.granted} s")
        self._shared.enrolments.touch(self.enrolment)
        self._on(Event.ACCEPTED, now)

    def _challenged(self, message: Message, now: float) -> None:
        name, hid = b"Authorization", WWW_AUTHENTICATE
        if message.status == 407:
            name, hid = b"Proxy-Authorization", PROXY_AUTHENTICATE
        account = self.trunk.account
        proof = None
        if account is not None and self._proofs < PROOFS:
            challenges = message.values(hid)
            if not self._proofs or any(b"stale=true" in value.lower() for value in challenges):
                uri = b"sip:" + self.trunk.domain
                proof = account.answer(challenges, b"REGISTER", uri, self._shared.fresh())
        if proof is None:
            self._on(Event.REFUSED, now, message.status)
            return
        self._proofs += 1
        self._proof = b"%b: %b\r\n" % (name, proof)
        self._on(Event.CHALLENGED, now)

    def _tell(self, now: float, event: str, detail: str) -> None:
        who = f"{self.enrolment.aor.decode('utf-8', 'replace')} at {self.trunk.name}: {detail}"
        self._shared.note(now, event, b"", who)


class TrunkClients:
    """All of them: made from the settings, kept when these are read anew."""

    def __init__(self, shared: Shared, layer: Transactions) -> None:
        self._shared = shared
        self._layer = layer
        self._clients: dict[str, TrunkClient] = {}

    def ways(self, name: str, flows: tuple[Flow, ...], now: float) -> None:
        """The ways to a trunk, pushed by the runtime."""
        self._shared.trunk_flows[name] = flows
        trunk = next((one for one in self._shared.settings.trunks if one.name == name), None)
        if trunk is None or trunk.register != "front":
            return
        client = self._clients.get(name)
        if client is None:
            enrolment = self._shared.enrolments.open(name, trunk.aor)
            if enrolment is None:
                return
            client = TrunkClient(self._shared, self._layer, trunk, enrolment)
            self._clients[name] = client
        client.ways(flows, now)

    def changed(self, now: float) -> None:
        """The settings are others: end what is not wanted any more, begin anew what changed."""
        trunks = {trunk.name: trunk for trunk in self._shared.settings.trunks}
        for name, client in list(self._clients.items()):
            if trunks.get(name) != client.trunk:
                client.leave(now)
                del self._clients[name]
        for enrolment in self._shared.enrolments:
            trunk = trunks.get(enrolment.trunk)
            if trunk is None or trunk.register == "none":
                self._shared.enrolments.remove(enrolment)
        for name in trunks:
            if name not in self._clients and self._shared.trunk_flows.get(name):
                self.ways(name, self._shared.trunk_flows[name], now)

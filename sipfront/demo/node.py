"""A small PBX: registrar, calls between extensions, echo, tone, calls to and from a trunk.

Not a product: no voicemail, no transfer, no queue; one transport, everything in memory.  Behind a
front it is told the front's inside address: calls to extensions and to trunks go there (permanent
contacts ``sip:EXT@front``, the front knows the phones), and the front's headers are believed from
there and from nowhere else.

As a process: ``python -m sipfront.demo.node --help``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import sys
from typing import TYPE_CHECKING

from probes import tones
from sipfront.demo import wire
from sipfront.demo.agent import Agent
from sipfront.demo.bridge import bridge
from sipfront.demo.call import Incoming
from sipfront.demo.calling import Outgoing
from sipfront.demo.registrar import Denied, Doorman, Registrar
from sipfront.demo.rtp import Audio, Metronome
from sipfront.demo.watcher import labelled
from sipfront.runtime import clock
from sipfront.runtime.app import new_loop
from sipfront.sip.errors import SipError
from sipfront.sip.uri import Uri

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from sipfront.demo.request import Request
    from sipfront.stack.settings import Timing

ECHO, TONE, SLOW_ECHO = "600", "601", "602"
#: Seconds for which 602 rings.
RINGS = 3.0
#: Numbers behind the trunk are dialled with a leading 9.
OUTBOUND = re.compile(r"9[0-9*#+]+")
#: Seconds between two looks at the audio of a call whose caller may have vanished.
NO_AUDIO = 30.0


class DemoNode:
    """One PBX."""

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        users: Mapping[str, str],
        *,
        domain: str = "demo.example",
        front: tuple[str, int] | None = None,
        trunk: str = "carrier",
        timing: Timing | None = None,
    ) -> None:
        """``users``: password by extension; ``front``: the front's inside address."""
        self.name = name
        self.domain = domain
        self.front = front
        self.trunk = trunk
        self.agent = Agent(host, port, self, timing=timing)
        self.registrar = Registrar()
        self.doorman = Doorman(domain, users)
        self.counters = {"calls": 0, "failed": 0, "registrations": 0}
        self.up = 0
        #: a planted fault: all calls are answered with this status, though OPTIONS get 200
        self.refusing = 0
        self._metronome = Metronome()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Start."""
        tones.frames(tones.MILLIWATT)  # made once, and not while somebody waits for an answer
        await self.agent.open()

    def kill(self) -> None:
        """End as a killed process does: the socket is gone, nobody is told, nothing is kept."""
        self.agent.close()
        for task in self._tasks:
            task.cancel()
        self.registrar = Registrar()
        self.up = 0

    async def revive(self) -> None:
        """Start again after a kill."""
        if not self.agent.alive:
            await self.open()

    def freeze(self) -> None:
        """Stop reading and answering; :meth:`thaw` ends it."""
        self.agent.freeze()

    def thaw(self) -> None:
        """Go on."""
        self.agent.thaw()

    def slow(self, seconds: float) -> None:
        """Be late with everything by so much; 0 ends it."""
        self.agent.delay = seconds

    # -- requests ------------------------------------------------------------------------------

    def requested(self, request: Request) -> None:
        """A request outside of any dialog."""
        method = request.message.method
        try:
            if method == b"OPTIONS":
                request.reply(200, wire.ALLOW)
            elif method == b"REGISTER":
                self._register(request)
            elif method == b"INVITE":
                self._invite(request)
            elif method in (b"BYE", b"UPDATE", b"INFO"):
                request.reply(481)
            else:
                request.reply(405, wire.ALLOW)
        except Denied as denied:
            request.reply(denied.status, denied.extra)
        except SipError:
            request.reply(400)

    def _register(self, request: Request) -> None:
        now = clock.now()
        user = self.doorman.check(request.message, now)
        request.reply(200, self.registrar.register(user, request.message, now))
        self.counters["registrations"] += 1

    def _ours(self, request: Request, name: bytes) -> bytes:
        """One of the front's headers, believed from the front alone."""
        if self.front is None or request.source != self.front:
            return b""
        values = request.message.named(name)
        return values[0] if values else b""

    def _invite(self, request: Request) -> None:
        """Who may call what: a trunk reaches extensions, a phone everything."""
        if self.refusing:
            raise Denied(self.refusing)
        from_trunk = bool(self._ours(request, b"x-sipfront-trunk"))
        caller = "" if from_trunk else self.doorman.check(request.message, clock.now())
        number = (Uri.parse(request.message.uri).user or b"").decode("utf-8", "replace")
        correlation = self._ours(request, b"x-sipfront-call")
        outbound = OUTBOUND.fullmatch(number) is not None and self.front is not None
        inside = number in (ECHO, TONE, SLOW_ECHO)
        if not inside and not self.doorman.known(number) and (from_trunk or not outbound):
            raise Denied(404)
        leg = Incoming(request)
        self.counters["calls"] += 1
        caller = caller or leg.caller or "anonymous"
        if inside:
            self._run(self._feature(leg, number))
        else:
            self._run(self._bridge(leg, number, caller, correlation))

    def _run(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- the dialplan --------------------------------------------------------------------------

    async def _feature(self, leg: Incoming, number: str) -> None:
        """Echo, tone, or echo after ringing."""
        tone = tones.MILLIWATT if number == TONE else 0
        audio = Audio(self._metronome, self.agent.listener.bound[0], tone, echo=not tone)
        await audio.open()
        try:
            answer = audio.answer(leg.remote_sdp)
            if answer is None:
                leg.refuse(488)
                return
            if number == SLOW_ECHO:
                leg.ring()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RINGS):
                        await leg.ended.wait()
            if not leg.accept(answer):
                return
            self.up += 1
            leg.on_offer = audio.reoffered
            await self._until_over(leg, audio)
            self.up -= 1
        finally:
            audio.close()

    async def _until_over(self, leg: Incoming, audio: Audio) -> None:
        """Until somebody hangs up; a caller who vanished without a BYE is noticed as well."""
        while not leg.ended.is_set():
            before = audio.received
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(NO_AUDIO):
                    await leg.ended.wait()
            held = audio.direction in (b"sendonly", b"inactive")
            if audio.received == before and not held:
                await leg.bye()

    async def _bridge(self, leg: Incoming, number: str, caller: str, correlation: bytes) -> None:
        """Call an extension or the trunk, and join."""
        extra = b"X-Sipfront-Call: %b\r\n" % correlation if correlation else b""
        sender = f"<sip:{caller}@{self.domain}>".encode()
        if not self.doorman.known(number):
            number = number[1:]
            extra += b"X-Sipfront-Trunk: %b\r\n" % self.trunk.encode()
            uris = [self._at_front(number)]
        elif self.front is not None:
            uris = [self._at_front(number)]
        else:
            uris = [held.raw for held in self.registrar.contacts(number, clock.now())]
        if not uris:
            leg.refuse(480)
            return
        legs = [Outgoing(self.agent, uri, sender, leg.remote_sdp, extra=extra) for uri in uris]
        self.up += 1
        outcome = await bridge(leg, legs)
        self.up -= 1
        if outcome == "failed":
            self.counters["failed"] += 1

    def _at_front(self, number: str) -> bytes:
        host, port = self.front or ("", 0)
        return f"sip:{number}@{host}:{port}".encode()


# -- as a process --------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Run one node until it is killed or its standard input ends."""
    parser = argparse.ArgumentParser(
        prog="python -m sipfront.demo.node",
        description="One small PBX of the demonstration. Prints `ready` when it serves; reads\n"
        "commands from its standard input (slow SECONDS, refuse STATUS, stats) and ends with it.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--listen", required=True, metavar="HOST:PORT", help="its own address")
    parser.add_argument("--front", metavar="HOST:PORT", help="the front's inside address")
    parser.add_argument("--name", default="node", help="how it is called")
    parser.add_argument("--domain", default="demo.example", help="realm and domain")
    parser.add_argument("--trunk", default="carrier", help="the trunk for numbers with a 9")
    parser.add_argument(
        "--user", action="append", default=[], metavar="EXT:PASSWORD", help="an extension"
    )
    args = parser.parse_args(argv)
    node = DemoNode(
        args.name,
        *_address(args.listen),
        dict(user.split(":", 1) for user in args.user),
        domain=args.domain,
        front=_address(args.front) if args.front else None,
        trunk=args.trunk,
    )
    with asyncio.Runner(loop_factory=new_loop()) as runner:
        return runner.run(_serve(node))


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


async def _serve(node: DemoNode) -> int:
    try:
        await node.open()
    except OSError as error:
        print(f"{node.name}: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 2
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say({"ready": node.name})

    def watch(sent: bool, data: bytes) -> None:
        if (found := labelled(data)) is not None:
            _say({"call": found[0], "at": clock.wall(), "sent": sent, "label": found[1]})

    node.agent.watch = watch
    while line := await reader.readline():
        verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
        if verb == "slow":
            node.slow(float(rest or 0))
        elif verb == "refuse":
            node.refusing = int(rest or 0)
        elif verb == "stats":
            stats = {**node.counters, "up": node.up, "contacts": node.registrar.count(clock.now())}
            _say(stats)
    return 0


def _say(what: Mapping[str, object]) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main())

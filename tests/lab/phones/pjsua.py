"""PJSIP phones, driven from a test."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.lab.phones.base import LIMIT, Call, Phone, PhoneError

PROGRAM = Path(__file__).with_name("pjsua_process.py")


class PjsuaCall(Call):
    """A call of a PJSIP phone, and what one can do with it."""

    phone: PjsuaPhone

    async def do(self, what: str, **values: Any) -> dict[str, Any]:
        """Give the phone a command about this call."""
        return await self.phone.do(what, call=self.name, **values)

    async def answer(self, code: int = 200) -> None:
        """Answer, or send a provisional."""
        await self.do("answer", code=code)

    async def hang_up(self, code: int = 0) -> None:
        """End the call, or refuse it with ``code``."""
        await self.do("hangup", code=code)

    async def hold(self) -> None:
        """Put the peer on hold."""
        await self.do("hold")

    async def resume(self) -> None:
        """Take the peer back."""
        await self.do("resume")

    async def reinvite(self, *, offerless: bool = False) -> None:
        """Negotiate again."""
        await self.do("reinvite", offerless=offerless)

    async def transfer(self, to: str) -> None:
        """Send the peer to ``to`` (blind)."""
        await self.do("transfer", to=to)

    async def attended(self, other: PjsuaCall) -> None:
        """Join our two peers."""
        await self.do("attended", to=other.name)

    async def digits(self, digits: str) -> None:
        """Press keys."""
        await self.do("digits", digits=digits)


class PjsuaPhone(Phone):
    """One phone; start it, use it, close it."""

    def __init__(
        self,
        user: str,
        ip: str,
        folder: Path,
        *,
        registrar: str = "",
        domain: str = "example.com",
        password: str = "",
        transport: str = "udp",
        tone: int = 350,
        within: Sequence[str] = (),
        **more: Any,
    ) -> None:
        """``registrar`` is host:port, where everything is sent; ``more`` goes to the process;
        ``within`` is a command that runs others elsewhere (``ip netns exec``).
        """
        super().__init__(f"{user}@{ip}")
        self.user = user
        self.tone = tone
        self.within = tuple(within)
        self.domain = domain
        folder = folder / f"phone-{user}-{ip}"
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.settings: dict[str, Any] = {
            "id": f"sip:{user}@{domain}",
            "user": user,
            "ip": ip,
            "folder": str(folder),
            "password": password,
            "transport": transport,
            "tone": tone,
            "registrar": f"sip:{domain}" if registrar else "",
            "proxy": f"<sip:{registrar};lr;transport={transport};hide>" if registrar else "",
            **more,
        }
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._commands = 0

    async def start(self) -> PjsuaPhone:
        """Start the process and wait until it is ready."""
        with (self.folder / "stderr").open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *self.within,
                "setpriv",
                "--pdeathsig",
                "KILL",
                sys.executable,
                str(PROGRAM),
                json.dumps(self.settings),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                limit=1 << 20,
            )
        self._reader = asyncio.create_task(self._read())
        await self.wait("ready")
        return self

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            message = json.loads(line)
            if "event" in message:
                self.happened(message)
                continue
            answer = self._answers.pop(message["id"])
            if answer.done():
                continue
            if message["ok"]:
                answer.set_result(message["result"])
            else:
                answer.set_exception(PhoneError(f"{self.name}: {message['error']}"))
        self.happened({"event": "gone"})
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(PhoneError(f"{self.name} is gone:\n{self.errors()}"))

    def errors(self) -> str:
        """Return what the process complained about."""
        return (self.folder / "stderr").read_text(errors="replace")[-2000:]

    async def do(self, what: str, **values: Any) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._commands += 1
        number = self._commands
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self._process.stdin.write(
            (json.dumps({"id": number, "do": what, **values}) + "\n").encode()
        )
        await self._process.stdin.drain()
        async with asyncio.timeout(LIMIT):
            return await answer

    async def close(self) -> None:
        """End the process, in order if it lets us."""
        process = self._process
        if process is None:
            return
        if process.returncode is None and process.stdin is not None:
            process.stdin.close()
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._reader is not None:
            await self._reader
        self._process = None

    def kill(self) -> None:
        """Pull its plug."""
        assert self._process is not None
        self._process.kill()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # ---- what one does with a phone --------------------------------------------------------

    async def register(self, limit: float = LIMIT, code: int = 200) -> dict[str, Any]:
        """Register and wait for the answer."""
        mark = self.mark()
        await self.do("register")
        seen = await self.wait("registration", limit, since=mark)
        if seen["code"] != code:
            raise PhoneError(f"{self.name}: REGISTER got {seen}")
        return seen

    async def unregister(self, limit: float = LIMIT) -> None:
        """Take the registration back."""
        mark = self.mark()
        await self.do("register", on=False)
        await self.wait("registration", limit, since=mark, code=200)

    async def policy(self, answer: int | None = 180, redirect: str | None = None) -> None:
        """Say what happens to incoming calls: a status at once, nothing (None), or a 302."""
        await self.do("policy", answer=answer, redirect=redirect)

    async def call(
        self, to: str, headers: dict[str, str] | None = None, *, offerless: bool = False
    ) -> PjsuaCall:
        """Call a number of our domain or a whole URI."""
        uri = to if to.startswith(("sip:", "sips:")) else f"sip:{to}@{self.domain}"
        made = await self.do("call", uri=uri, headers=headers or {}, offerless=offerless)
        return PjsuaCall(self, made["call"], Path(made["file"]), made["sip"])

    def taken(self, event: dict[str, Any]) -> PjsuaCall:
        """Return the call that an event speaks of (``incoming``, ``replaced``: its new call)."""
        name = event.get("new", event.get("call"))
        return PjsuaCall(self, name, self.folder / f"call-{name}.wav", event.get("sip", ""))

    async def incoming(self, limit: float = LIMIT, since: int = 0) -> PjsuaCall:
        """Wait for an incoming call."""
        return self.taken(await self.wait("incoming", limit, since=since))

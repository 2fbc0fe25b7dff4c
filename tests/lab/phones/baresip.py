"""baresip phones (libre, another SIP stack than PJSIP), driven through its JSON control port.

The same words as :mod:`tests.lab.phones.pjsua`, as far as baresip knows them: one call at a time,
no attended transfer.  It speaks with the tone of a file and records what it hears by its own
recorder.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import time
from pathlib import Path
from typing import Any, Self

from tests.lab.phones.base import LIMIT, Call, Phone, PhoneError
from tests.lab.tones import Recording, write_tone

MODULES = (
    "g711.so",
    "aufile.so",
    "aubridge.so",
    "sndfile.so",
    "ctrl_tcp.so",
    "account.so",
    "menu.so",
)
FOLDERS = ("/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules")
#: baresip's events in PJSIP's words.
STATES = {
    "CALL_OUTGOING": "CALLING",
    "CALL_RINGING": "EARLY",
    "CALL_PROGRESS": "EARLY",
    "CALL_ESTABLISHED": "CONFIRMED",
    "CALL_CLOSED": "DISCONNECTED",
}


class BaresipCall(Call):
    """The call of a baresip phone."""

    phone: BaresipPhone

    async def answer(self, code: int = 200) -> None:
        """Answer; baresip rings by itself."""
        await self.phone.do("accept")

    async def hang_up(self, code: int = 0) -> None:
        """End or refuse the call."""
        await self.phone.do("hangup")

    async def hold(self) -> None:
        """Put the peer on hold."""
        await self.phone.do("hold")

    async def resume(self) -> None:
        """Take the peer back."""
        await self.phone.do("resume")

    async def transfer(self, to: str) -> None:
        """Send the peer to ``to`` (blind)."""
        await self.phone.do("transfer", to)

    async def hears(self, tone: int, seconds: float = 0.3, limit: float = 5.0) -> float:
        """Wait until this tone is heard, from now on."""
        begun = time.monotonic()
        while True:
            # After a re-INVITE baresip goes on in a new file.
            self.recording = await self.phone.recording(limit)
            left = limit - (time.monotonic() - begun)
            try:
                return await super().hears(tone, seconds, min(1.5, left))
            except AssertionError:
                if time.monotonic() - begun >= limit:
                    raise


class BaresipPhone(Phone):
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
        tone: int = 1450,
        ca: str = "",
        expires: int = 120,
        answer: bool = False,
    ) -> None:
        super().__init__(f"{user}@{ip}")
        self.user = user
        self.ip = ip
        self.tone = tone
        self.domain = domain
        self.transport = transport
        self.registrar = registrar
        self.password = password
        self.ca = ca
        self.expires = expires
        self.answer_mode = "auto" if answer else "manual"
        self.folder = folder / f"baresip-{user}-{ip}"
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._commands = 0
        self._call_begun = 0.0
        self.account = ""

    def _write(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "heard").mkdir(exist_ok=True)
        write_tone(self.folder / "tone.wav", self.tone, 60)
        modules = next((f for f in FOLDERS if Path(f).is_dir()), None)
        if modules is None:
            raise PhoneError("no baresip here: run `make lab`")
        # Three ports in a row: SIP, SIP over TLS (always the next one), control.
        sip = _three_free_ports(self.ip)
        lines = [
            f"sip_listen {self.ip}:{sip}",
            f"net_interface {self.ip}",
            f"audio_source aufile,{self.folder}/tone.wav",
            "audio_player aubridge,nobody",
            "audio_alert aubridge,nobody",
            "ausrc_srate 8000",
            "auplay_srate 8000",
            "ausrc_channels 1",
            "auplay_channels 1",
            "audio_channels 1",
            "rtp_ports 4500-4900",
            # Its jitter buffer never recovers from a jump of sequence numbers, as Asterisk makes
            # one when it begins to bridge.
            "jitter_buffer_type off",
            "jitter_buffer_delay 0-0",
            "call_max_calls 4",
            f"snd_path {self.folder}/heard",
            f"ctrl_tcp_listen {self.ip}:{sip + 2}",
            f"module_path {modules}",
            *(f"module {name}" for name in MODULES),
        ]
        if self.transport == "tls":
            lines.append(f"sip_cafile {self.ca}")
        (self.folder / "config").write_text("\n".join(lines) + "\n")
        self.account = (
            f"<sip:{self.user}@{self.domain};transport={self.transport}>"
            f";auth_user={self.user};auth_pass={self.password};regint={self.expires}"
            f";answermode={self.answer_mode};audio_codecs=PCMU/8000/1,PCMA/8000/1;mwi=no"
            f';outbound="sip:{self.registrar};transport={self.transport}";sipnat=none'
        )
        # Given by command later: else it registers before anybody listens.
        (self.folder / "accounts").write_text("\n")
        (self.folder / "contacts").write_text("")
        return sip + 2

    async def start(self) -> BaresipPhone:
        """Start it and connect to its control port."""
        control = self._write()
        with (self.folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "KILL", "baresip", "-s", "-f", str(self.folder)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        ends = time.monotonic() + LIMIT
        while True:
            try:
                reader, self._writer = await asyncio.open_connection(self.ip, control)
                break
            except OSError:
                if time.monotonic() > ends or self._process.returncode is not None:
                    raise PhoneError(f"{self.name} does not start:\n{self.errors()}") from None
                await asyncio.sleep(0.02)
        self._reader = asyncio.create_task(self._read(reader))
        return self

    def errors(self) -> str:
        """Return the end of its log."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                length = int((await reader.readuntil(b":"))[:-1])
                message = json.loads((await reader.readexactly(length + 1))[:-1])
                if message.get("event"):
                    self._translate(message)
                else:
                    answer = self._answers.pop(str(message.get("token")), None)
                    if answer is not None and not answer.done():
                        answer.set_result(message)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.happened({"event": "gone"})

    def _translate(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if message["class"] == "register":
            code = 200 if kind == "REGISTER_OK" else _code(message.get("param", ""))
            if kind in ("REGISTER_OK", "REGISTER_FAIL"):
                self.happened({"event": "registration", "code": code, "raw": message})
        elif kind == "CALL_INCOMING":
            self._call_begun = time.time()
            peer, call = message.get("peeruri"), message.get("id")
            self.happened({"event": "incoming", "call": call, "sip": call, "peer": peer})
        elif kind in STATES:
            code = 200 if kind == "CALL_ESTABLISHED" else _code(message.get("param", ""))
            self.happened(
                {
                    "event": "call",
                    "call": message.get("id"),
                    "state": STATES[kind],
                    "code": code,
                    "reason": message.get("param", ""),
                    "peer": message.get("peeruri"),
                    "sip": message.get("id"),
                }
            )
        else:
            self.happened({"event": "other", "raw": message})

    async def do(self, command: str, params: str = "") -> str:
        """Give a command and return what baresip says."""
        assert self._writer is not None
        self._commands += 1
        token = str(self._commands)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        data = json.dumps({"command": command, "params": params, "token": token}).encode()
        self._writer.write(b"%d:%b," % (len(data), data))
        async with asyncio.timeout(LIMIT):
            message = await answer
        if not message.get("ok"):
            raise PhoneError(f"{self.name}: {command} {params}: {message}")
        return str(message.get("data", ""))

    async def close(self) -> None:
        """End the process."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(3):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._writer is not None:
            self._writer.close()
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
        await self.do("uanew", self.account)
        seen = await self.wait("registration", limit, since=mark)
        if seen["code"] != code:
            raise PhoneError(f"{self.name}: REGISTER got {seen}")
        return seen

    async def call(self, to: str) -> BaresipCall:
        """Call a number of our domain or a whole URI."""
        mark = self.mark()
        self._call_begun = time.time()
        await self.do("dial", to if to.startswith("sip:") else f"sip:{to}@{self.domain}")
        # An outgoing call has no event before its first answer.
        seen = await self.wait("call", since=mark)
        return BaresipCall(self, seen["call"], self.folder / "none", seen["sip"])

    async def incoming(self, limit: float = LIMIT, since: int = 0) -> BaresipCall:
        """Wait for an incoming call."""
        seen = await self.wait("incoming", limit, since=since)
        return BaresipCall(self, seen["call"], self.folder / "none", seen["sip"])

    async def recording(self, limit: float) -> Recording:
        """Wait for the file into which the present call is recorded."""
        ends = time.monotonic() + limit
        while True:
            files = [
                file
                for file in (self.folder / "heard").glob("*-dec.wav")
                if file.stat().st_mtime >= self._call_begun - 0.1
            ]
            if files:
                return Recording(max(files, key=lambda file: file.stat().st_mtime))
            if time.monotonic() > ends:
                raise PhoneError(f"{self.name}: not one packet of sound came\n{self.errors()}")
            await asyncio.sleep(0.02)


def _three_free_ports(ip: str) -> int:
    for first in random.sample(range(10000, 30000, 3), 100):
        try:
            with socket.socket() as one, socket.socket() as two, socket.socket() as three:
                for offset, each in enumerate((one, two, three)):
                    each.bind((ip, first + offset))
                return first
        except OSError:
            continue
    raise PhoneError(f"no free ports at {ip}")


def _code(text: str) -> int:
    found = re.match(r"\s*(\d{3})\b", text)
    return int(found[1]) if found else 0

"""A real Asterisk of the lab: its configuration, its process, its command line.

It knows no front but for the address that goes into the configuration.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab import tones
from tests.lab.chroot import PeerError, Rooted

TEMPLATES = Path(__file__).parent / "asterisk_conf"
DOMAIN = "example.com"
EXTENSIONS = tuple(str(number) for number in range(1001, 1011))
#: Extensions whose audio goes past the PBX where it can.
DIRECT = ("1011", "1012")
FRONT = "127.0.0.10:5062"  #: where the nodes reach the front
#: RTP ports of the first instance; each further one has the next thousand.
RTP_FIRST = 20000


def password(extension: str) -> str:
    """Return the password of an extension."""
    return f"secret-{extension}"


class Asterisk(Rooted):
    """One PBX.  ``static`` gives the extensions permanent contacts at the front."""

    def __init__(
        self,
        name: str,
        ip: str,
        folder: Path,
        *,
        lab: Path | None = None,
        static: bool = False,
        front: str = FRONT,
        number: int = 0,
        within: Sequence[str] = (),
    ) -> None:
        """Describe it; ``within`` is a command that runs others elsewhere (``ip netns exec``)."""
        super().__init__(name, ip, folder, lab=lab, within=within)
        self.static = static
        self.front = front
        self.first_port = RTP_FIRST + 1000 * number

    # ---- its files -------------------------------------------------------------------------

    def write(self) -> None:
        """Write the configuration, sounds and empty folders of this instance."""
        for part in ("etc", "lib", "db", "spool", "run", "log/cdr-csv", "sounds/moh"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        modules = next(self.root.glob("usr/lib/*/asterisk/modules"), None)
        if modules is None:
            raise PeerError(f"no Asterisk in {self.root}: run `make lab`")
        values = {
            "NAME": self.name,
            "IP": self.ip,
            "DOMAIN": DOMAIN,
            "FRONT": self.front,
            "MODULES": f"/{modules.relative_to(self.root)}",
            "RTP_FIRST": str(self.first_port),
            "RTP_LAST": str(self.first_port + 999),
            "CONTINUITY": "static" if self.static else "shared",
            "EXTENSIONS": "\n".join(self._extension(number) for number in (*EXTENSIONS, *DIRECT)),
            "HINTS": "\n".join(f"exten => {n},hint,PJSIP/{n}" for n in EXTENSIONS),
        }
        for template in TEMPLATES.glob("*.conf"):
            text = re.sub("@([A-Z_]+)@", lambda found: values[found[1]], template.read_text())
            (self.folder / "etc" / template.name).write_text(text)
        tones.write_tone(self.folder / "sounds/prompt.wav", 600, 1)
        tones.write_tone(self.folder / "sounds/voicemail.wav", 800, 20)
        tones.write_tone(self.folder / "sounds/moh/hold.wav", 700, 10)

    def _extension(self, number: str) -> str:
        permanent = f"contact = sip:{number}@{self.front}\n" if self.static else ""
        return (
            f"[{number}](phone)\naors = {number}\nauth = {number}\ncallerid = {number} <{number}>\n"
            f"{'direct_media = yes' if number in DIRECT else ''}\n"
            f"[{number}](phone-auth)\nusername = {number}\npassword = {password(number)}\n"
            f"[{number}](phone-aor)\nmailboxes = {number}@default\n{permanent}"
        )

    # ---- its process -----------------------------------------------------------------------

    def launch(self) -> None:
        """Start the process; :meth:`started` waits until it answers."""
        if not (self.folder / "etc").exists():
            self.write()
        (self.folder / "run/asterisk.ctl").unlink(missing_ok=True)
        (self.folder / "run/asterisk.pid").unlink(missing_ok=True)
        self.run("/usr/sbin/asterisk", "-f", "-C", "/mnt/etc/asterisk.conf")

    async def started(self) -> float:
        """Wait until everything is loaded and SIP is answered; return the seconds that took."""
        begun = time.monotonic()
        while not (self.folder / "run/asterisk.ctl").exists():
            await self._pause(begun, "made no control socket")
        while True:
            try:
                if "fully booted" in await self.cli("core waitfullybooted"):
                    break
            except (OSError, PeerError):
                pass
            await self._pause(begun, "did not boot")
        while not self.within and not await answers_options(self.ip):
            await self._pause(begun, "did not answer OPTIONS")
        return time.monotonic() - begun

    async def start(self) -> float:
        """Start it and wait until it works; return the seconds that took."""
        self.launch()
        return await self.started()

    async def _pause(self, begun: float, what: str) -> None:
        self.check(begun, what)
        await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """End it in order; by force when it does not listen within 3 s."""
        process = self.process
        if process is None:
            return
        self.thaw()
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, 3)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def forget(self) -> None:
        """Lose every registration, as a PBX with an empty database has."""
        shutil.rmtree(self.folder / "db", ignore_errors=True)
        (self.folder / "db").mkdir()

    # ---- its command line ------------------------------------------------------------------

    async def cli(self, command: str, limit: float = 10.0) -> str:
        """Give a command to its console and return what it answers.

        Speaks the protocol of ``asterisk -rx``: a line of greeting, the command ended by a zero
        octet, the answer until the connection closes.
        """
        path = str(self.folder / "run/asterisk.ctl")
        async with asyncio.timeout(limit):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                await reader.readline()
                writer.write(b"cli quit after " + command.encode() + b"\0")
                await writer.drain()
                data = await reader.read(-1)
            finally:
                writer.close()
        return data.replace(b"\0", b"").decode(errors="replace")

    async def registers(self, carrier: str, password: str) -> None:
        """Keep an account registered at a carrier, by way of the front; "" ends that."""
        file = self.folder / "etc/pjsip_trunk.inc"
        file.unlink(missing_ok=True)
        if carrier:
            values = {"CARRIER": carrier, "FRONT": self.front, "PASSWORD": password}
            text = (TEMPLATES / file.name).read_text()
            file.write_text(re.sub("@([A-Z_]+)@", lambda found: values[found[1]], text))
        await self.cli("module reload res_pjsip.so")
        await self.cli("module reload res_pjsip_outbound_registration.so")

    async def contacts(self) -> dict[str, list[str]]:
        """Return the contacts of each address-of-record."""
        found: dict[str, list[str]] = {}
        for line in (await self.cli("pjsip list contacts")).splitlines():
            match = re.match(r"\s*Contact:\s+([^/\s]+)/(\S+)", line)
            if match and "<" not in match[1]:
                found.setdefault(match[1], []).append(match[2])
        return found

    async def channels(self) -> list[str]:
        """Return the names of the channels that are up."""
        answer = await self.cli("core show channels concise")
        return [line.split("!")[0] for line in answer.splitlines() if "!" in line]

    async def idle(self, limit: float = 10.0) -> None:
        """Wait until no channel is left."""
        ends = time.monotonic() + limit
        while left := await self.channels():
            if time.monotonic() > ends:
                raise AssertionError(f"{self.name} still has {left}")
            await asyncio.sleep(0.05)

    def records(self) -> list[str]:
        """Return its call detail records, one line each."""
        file = self.folder / "log/cdr-csv/Master.csv"
        return file.read_text().splitlines() if file.exists() else []


async def answers_options(ip: str, port: int = 5060, limit: float = 0.5) -> bool:
    """Ask ``ip`` by OPTIONS over UDP; any answer counts."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        asking.connect((ip, port))
        mine = f"127.0.0.1:{asking.getsockname()[1]}"
        mark = os.urandom(6).hex()
        request = (
            f"OPTIONS sip:{ip}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {mine};branch=z9hG4bK{mark};rport"
            f"\r\nMax-Forwards: 70\r\nFrom: <sip:lab@{mine}>;tag={mark}\r\nTo: <sip:{ip}>\r\n"
            f"Call-ID: {mark}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
        try:
            asking.send(request.encode())
            async with asyncio.timeout(limit):
                return (await loop.sock_recv(asking, 65536)).startswith(b"SIP/2.0 ")
        except (OSError, TimeoutError):
            return False

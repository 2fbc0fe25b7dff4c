"""A real Kamailio of the lab: a node that is a proxy, not a back-to-back user agent.

It sends the caller's own Call-ID back through the front, which an Asterisk never does.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.asterisk import DOMAIN, FRONT, answers_options
from tests.lab.chroot import Rooted

TEMPLATE = Path(__file__).with_name("kamailio.cfg")


class Kamailio(Rooted):
    """One registrar and proxy."""

    def __init__(
        self,
        name: str,
        ip: str,
        folder: Path,
        *,
        lab: Path | None = None,
        front: str = FRONT,
        within: Sequence[str] = (),
    ) -> None:
        super().__init__(name, ip, folder, lab=lab, within=within)
        self.front = front

    def launch(self) -> None:
        """Start the process; :meth:`started` waits until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        values = {"NAME": self.name, "IP": self.ip, "DOMAIN": DOMAIN, "FRONT": self.front}
        text = re.sub("@([A-Z]+)@", lambda found: values[found[1]], TEMPLATE.read_text())
        (self.folder / "kamailio.cfg").write_text(text)
        # fmt: off
        self.run("/usr/sbin/kamailio", "-DD", "-E", "-m", "32", "-M", "8",
                 "-Y", "/mnt", "-f", "/mnt/kamailio.cfg")
        # fmt: on

    async def started(self) -> float:
        """Wait until it answers OPTIONS; return the seconds that took."""
        begun = time.monotonic()
        while not await answers_options(self.ip):
            self.check(begun, "did not answer OPTIONS")
            await asyncio.sleep(0.05)
        return time.monotonic() - begun

    async def start(self) -> float:
        """Start it and wait until it works; return the seconds that took."""
        self.launch()
        return await self.started()

"""A program of the lab's chroot, with a folder of its own as ``/mnt`` and a process to look after.

It runs in a mount namespace of its own: nothing is mounted for anybody else, and nothing is left
behind when it is killed.  It dies with the process that started it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab import prepare

#: How long a peer may take to start.  Asterisk takes less than a second on an idle machine.
START = 30.0
SCRIPT = (
    'root=$1 folder=$2; shift 2; mount --bind "$folder" "$root/mnt" && '
    'mount -t proc proc "$root/proc" && exec chroot "$root" "$@"'
)


class PeerError(Exception):
    """A peer of the lab did not do what it was asked; the text says what and where to look."""


class Rooted:
    """One program in the chroot."""

    def __init__(
        self, name: str, ip: str, folder: Path, *, lab: Path | None, within: Sequence[str]
    ) -> None:
        self.name = name
        self.ip = ip
        self.folder = folder / name
        self.root = prepare.chroot_folder(lab)
        self.within = tuple(within)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's number."""
        if self.process is None:
            raise PeerError(f"{self.name} is not running")
        return self.process.pid

    def run(self, *command: str) -> None:
        """Start the program; paths are those inside the chroot."""
        prepare.occupy()
        # The chain of exec keeps the process's number and its parent-death signal.
        words = [*self.within, "setpriv", "--pdeathsig", "KILL"]
        words += ["unshare", "--mount", "--propagation", "private"]
        words += ["sh", "-c", SCRIPT, "sh", str(self.root), str(self.folder), *command]
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        with (self.folder / "log/stdout").open("ab") as out:
            self.process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "LANG": "C.UTF-8"},
            )

    def check(self, begun: float, what: str) -> None:
        """Raise when it has ended, or when it takes too long to start."""
        if self.process is None or self.process.poll() is not None:
            raise PeerError(f"{self.name} ended by itself:\n{self.log_end()}")
        if time.monotonic() - begun > START:
            raise PeerError(f"{self.name} {what} within {START:.0f} s:\n{self.log_end()}")

    def signal(self, number: int) -> None:
        """Send a signal to all its processes."""
        os.killpg(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        if self.process is not None:
            try:
                self.signal(signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Stop it in the middle of everything (SIGSTOP)."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self.signal(signal.SIGCONT)

    def log_end(self, lines: int = 30) -> str:
        """Return the end of its logs."""
        text = ""
        for name in ("log/stdout", "log/full"):
            file = self.folder / name
            if file.exists():
                text += "\n".join(file.read_text(errors="replace").splitlines()[-lines:]) + "\n"
        return text

"""A PostgreSQL of the lab: one server of its own, in a folder of its own, that can be stopped in every
way.  Debian's packages; it runs as the user ``postgres``, because it refuses to run as root.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.lab.chroot import PeerError

START = 30.0
USER = "postgres"


def programs() -> Path | None:
    """The newest server's programs, None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


def _as_postgres(*words: str) -> list[str]:
    made = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    return [*made, "--pdeathsig", "KILL", *words]


class Postgres:
    """One server at ``ip``, port 5432, to which everybody on this machine is let in."""

    def __init__(self, ip: str) -> None:
        self.ip = ip
        # Below /tmp, because a test's own folder is closed to the user postgres.
        self.folder = Path(tempfile.mkdtemp(prefix="sipfront-postgres-"))
        self.process: subprocess.Popen[bytes] | None = None
        found = programs()
        if found is None:
            raise PeerError("no PostgreSQL server: run `make lab`")
        self.bin = found

    def prepare(self) -> None:
        """Make the database's files."""
        shutil.chown(self.folder, USER, USER)
        self._do("initdb", "-D", str(self.data), "-A", "trust", "-E", "UTF8", "--no-sync")

    @property
    def data(self) -> Path:
        """Where its files are."""
        return self.folder / "data"

    def _do(self, program: str, *words: str) -> None:
        command = _as_postgres(str(self.bin / program), *words)
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            raise PeerError(f"{program}: {done.stderr.strip()[-800:]}")

    def copy(self, other: Postgres) -> None:
        """Take over the files of another one that does not run: quicker than to make them."""
        subprocess.run(["cp", "-a", str(other.data), str(self.data)], check=True)
        shutil.chown(self.folder, USER, USER)

    def follow(self, primary: Postgres) -> None:
        """Make its files as those of a replica of ``primary``, which must run."""
        shutil.chown(self.folder, USER, USER)
        words = ["-h", primary.ip, "-U", USER, "-D", str(self.data), "-R", "-X", "stream"]
        self._do("pg_basebackup", *words, "--checkpoint=fast", "--no-sync")

    async def promote(self) -> None:
        """Make a replica the primary."""
        await self.sql("select pg_promote()")

    def _launch(self) -> None:
        settings = {
            "listen_addresses": self.ip,
            "unix_socket_directories": "",
            "fsync": "off",
            "shared_buffers": "16MB",
            "logging_collector": "off",
        }
        words = [f"--{name}={value}" for name, value in settings.items()]
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                _as_postgres(str(self.bin / "postgres"), "-D", str(self.data), *words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        begun = time.monotonic()
        self._launch()  # the kernel ends it with the thread that starts it
        assert self.process is not None
        while True:
            with contextlib.suppress(PeerError):
                await self.sql("select 1")
                return
            if self.process.poll() is not None or time.monotonic() - begun > START:
                raise PeerError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}")
            await asyncio.sleep(0.05)

    async def sql(self, text: str) -> None:
        """Have the server do ``text``, as its superuser."""
        import asyncpg

        try:
            connection = await asyncpg.connect(
                host=self.ip, user=USER, database=USER, timeout=5, ssl=False
            )
            try:
                await connection.execute(text)
            finally:
                connection.terminate()
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            raise PeerError(f"PostgreSQL at {self.ip}: {error}") from None

    def _pids(self) -> list[int]:
        """The server and its back-ends, which are sessions of their own."""
        if self.process is None:
            return []
        pid = self.process.pid
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            return [pid, *map(int, children)]
        return [pid]

    def _signal(self, number: int) -> None:
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def freeze(self) -> None:
        """Stop it in the middle of everything."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self._signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    async def writable(self, *, yes: bool) -> None:
        """Refuse every change, as a replica does, or take them again; open sessions too."""
        word = "off" if yes else "on"
        await self.sql(f"alter system set default_transaction_read_only = {word}")
        await self.sql("select pg_reload_conf()")
        ends = time.monotonic() + START
        while not await self._shows("default_transaction_read_only", word):
            if time.monotonic() > ends:
                raise PeerError("PostgreSQL did not read its configuration again")
            await asyncio.sleep(0.02)

    async def _shows(self, setting: str, word: str) -> bool:
        """Does a new session have this setting?"""
        try:
            test = f"do $$ begin assert current_setting('{setting}') = '{word}'; end $$"
            await self.sql(test)
        except PeerError:
            return False
        return True

    def close(self) -> None:
        """End it, and delete its files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

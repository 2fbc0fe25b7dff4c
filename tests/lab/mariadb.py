"""A MariaDB of the lab: one server of its own, in a folder of its own.  Debian's packages."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.lab.chroot import PeerError

START = 30.0
USER, PASSWORD = "probe", "secret"
ACCOUNT = f"""\
create user if not exists '{USER}'@'%' identified by '{PASSWORD}';
grant replica monitor, replication slave on *.* to '{USER}'@'%';
"""


class MariaDb:
    """One server at ``ip``, port 3306; ``primary``: the address of the one that it follows."""

    def __init__(self, ip: str, number: int, primary: str = "") -> None:
        self.ip = ip
        self.number = number
        self.folder = Path(tempfile.mkdtemp(prefix="sipfront-mariadb-"))
        self.process: subprocess.Popen[bytes] | None = None
        self._account = ACCOUNT
        if primary:
            # Its own account is not to come again from the primary.
            self._account = (
                "set sql_log_bin = 0;\n"
                + ACCOUNT
                + (
                    f"change master to master_host = '{primary}', master_user = '{USER}', "
                    f"master_password = '{PASSWORD}', master_connect_retry = 1;\nstart replica;\n"
                )
            )

    def prepare(self) -> None:
        """Make the server's files."""
        words = ["mariadb-install-db", "--no-defaults", f"--datadir={self.folder / 'data'}"]
        words += ["--auth-root-authentication-method=normal", "--skip-test-db", "--user=root"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PeerError(f"mariadb-install-db: {(done.stdout + done.stderr)[-800:]}")
        (self.folder / "init.sql").write_text(self._account)

    def launch(self) -> None:
        """Start the process."""
        words = ["setpriv", "--pdeathsig", "KILL", "mariadbd", "--no-defaults", "--user=root"]
        words += [f"--datadir={self.folder / 'data'}", f"--bind-address={self.ip}", "--port=3306"]
        words += [f"--socket={self.folder / 'sock'}", f"--pid-file={self.folder / 'pid'}"]
        words += [f"--server-id={self.number}", f"--log-bin={self.folder / 'data/log'}"]
        words += [f"--init-file={self.folder / 'init.sql'}", "--skip-name-resolve"]
        words += ["--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        begun = time.monotonic()
        self.launch()
        while True:
            try:
                _, writer = await asyncio.open_connection(self.ip, 3306)
                writer.close()
                return
            except OSError:
                pass
            ended = self.process is None or self.process.poll() is not None
            if ended or time.monotonic() - begun > START:
                log = await asyncio.to_thread((self.folder / "log").read_text)
                raise PeerError(f"MariaDB did not start:\n{log[-800:]}")
            await asyncio.sleep(0.05)

    def freeze(self) -> None:
        """Stop it in the middle of everything."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self) -> None:
        """End it, and delete its files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

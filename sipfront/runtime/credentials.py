"""The phones' credentials, from where the configuration says: read off the data path, at the start,
at SIGHUP and (what others keep: a URL, a database) now and then.

A file with secrets that others may read is refused.  What cannot be read leaves the old table in
force, and is told.  Imported by the runtime only.
"""

from __future__ import annotations

import asyncio
import json
import re
import stat
from typing import TYPE_CHECKING, Any

import aiohttp
import yaml

from sipfront.runtime import asterisk_conf
from sipfront.stack.accounts import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from sipfront.config.registrations import Source

#: Accounts of one table; ten times the bindings that a front is built for would be somebody
#: else's table.
MAX_ACCOUNTS = 500_000
#: An HTTP server or a database may take so long, seconds.
TIMEOUT = 30.0
#: Octets of an answer: 500,000 accounts of 120 octets.
MAX_ANSWER = 64 << 20

#: What could not be read is tried again after so long, seconds.
RETRY = 30.0

_HEX = {"md5": re.compile(r"[0-9a-fA-F]{32}\Z"), "sha-256": re.compile(r"[0-9a-fA-F]{64}\Z")}


class CredentialsError(ValueError):
    """Where the credentials are kept, something is wrong; the text never holds a secret."""


def private(path: Path) -> None:
    """Refuse a file that others may read; raises CredentialsError."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise CredentialsError(f"{path}: {error.strerror}") from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise CredentialsError(
            f"{path}: others may read these secrets (mode {stat.S_IMODE(mode):o}): chmod o-rwx"
        )


def table(entries: Iterable[Any], where: str) -> dict[bytes, Account]:
    """Accounts out of mappings with ``user`` and ``password`` or ``ha1`` (with ``realm`` and
    ``algorithm``), and ``aor`` where that is not the user; raises CredentialsError."""
    found: dict[bytes, Account] = {}
    for number, entry in enumerate(entries, 1):
        if len(found) >= MAX_ACCOUNTS:
            raise CredentialsError(f"{where}: more than {MAX_ACCOUNTS} accounts")
        if not isinstance(entry, dict):
            raise CredentialsError(f"{where}: account {number} is no mapping")
        said = {str(key): str(value) for key, value in entry.items() if value is not None}
        unknown = set(said) - {"user", "password", "ha1", "realm", "algorithm", "aor"}
        if unknown:
            raise CredentialsError(f"{where}: account {number}: {min(unknown)} is not known")
        user, password, secret = said.get("user", ""), said.get("password", ""), said.get("ha1", "")
        if not user or bool(password) == bool(secret):
            text = "needs user and one of password and ha1"
            raise CredentialsError(f"{where}: account {number} {text}")
        kind = said.get("algorithm", "md5").lower()
        if kind not in _HEX:
            raise CredentialsError(f"{where}: account {number}: algorithm is MD5 or SHA-256")
        if secret and not _HEX[kind].match(secret):
            text = f"ha1 is not {kind} in hexadecimal"
            raise CredentialsError(f"{where}: account {number}: {text}")
        aor = said.get("aor", user).encode()
        realm = said.get("realm", "").encode()
        hashed: tuple[tuple[bytes, bytes, bytes], ...] = ()
        if secret:
            hashed = ((realm, kind.encode(), secret.lower().encode()),)
        old = found.get(aor)
        if old is not None and old.username == user.encode():  # the same user, another algorithm
            hashed += old.ha1
            password = password or old.password.decode()
        found[aor] = Account(user.encode(), password.encode(), hashed)
    return found


def read_file(path: Path) -> dict[bytes, Account]:
    """A YAML file with a list ``accounts``.  Blocks; raises CredentialsError."""
    private(path)
    try:
        data = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise CredentialsError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise CredentialsError(f"{path}{line}: is no YAML") from None
    if not isinstance(data, dict) or not isinstance(data.get("accounts"), list):
        raise CredentialsError(f"{path}: must be a mapping with a list: accounts")
    return table(data["accounts"], str(path))


def read_asterisk(path: Path) -> dict[bytes, Account]:
    """A ``pjsip.conf`` and what it includes.  Blocks; raises CredentialsError."""
    try:
        return asterisk_conf.accounts(asterisk_conf.sections(path, private))
    except asterisk_conf.ConfError as error:
        raise CredentialsError(str(error)) from None


async def read_url(url: str, token_file: Path | None) -> dict[bytes, Account]:
    """JSON of a web server: a list of accounts, or ``{"accounts": [...]}``; raises
    CredentialsError."""
    headers = {}
    if token_file is not None:
        headers["Authorization"] = f"Bearer {await asyncio.to_thread(_token, token_file)}"
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    body = bytearray()
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise CredentialsError(f"{url}: answered with {answer.status}")
            async for chunk in answer.content.iter_chunked(1 << 20):
                body += chunk
                if len(body) > MAX_ANSWER:
                    text = f"{url}: answered with more than {MAX_ANSWER >> 20} MB"
                    raise CredentialsError(text)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise CredentialsError(f"{url}: {str(error) or type(error).__name__}") from None
    return await asyncio.to_thread(_parsed, bytes(body), url)


def _token(path: Path) -> str:
    private(path)
    return path.read_text().strip()


def _parsed(body: bytes, where: str) -> dict[bytes, Account]:
    try:
        data = json.loads(body)
    except ValueError:
        raise CredentialsError(f"{where}: the answer is no JSON") from None
    if isinstance(data, dict):
        data = data.get("accounts")
    if not isinstance(data, list):
        raise CredentialsError(f"{where}: the answer has no list of accounts")
    return table(data, where)


async def read_database(uri: str, query: str) -> dict[bytes, Account]:
    """The rows of a query at PostgreSQL, its columns named as the keys of an account; raises
    CredentialsError.  Needs the extra ``postgresql`` (asyncpg)."""
    where = re.sub(r"//[^@/]*@", "//", uri)  # never a password in a log
    try:
        import asyncpg
    except ImportError:
        raise CredentialsError(
            f"{where}: needs asyncpg: pip install sipfront[postgresql]"
        ) from None
    try:
        connection = await asyncpg.connect(uri, timeout=TIMEOUT)
        try:
            async with connection.transaction(readonly=True):  # it is asked, never changed
                rows = await connection.fetch(query, timeout=TIMEOUT)
        finally:
            await connection.close(timeout=TIMEOUT)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise CredentialsError(f"{where}: {str(error) or type(error).__name__}") from None
    return await asyncio.to_thread(lambda: table([dict(row) for row in rows], where))


async def read(source: Source) -> dict[bytes, Account]:
    """The accounts of one source; raises CredentialsError."""
    if source.file is not None:
        return await asyncio.to_thread(read_file, source.file)
    if source.asterisk is not None:
        return await asyncio.to_thread(read_asterisk, source.asterisk)
    if source.url is not None:
        return await read_url(source.url, source.token_file)
    return await read_database(source.database or "", source.query or "")


class Credentials:
    """Keeps the table: reads it, reads it again, hands it to the engine when it is another."""

    def __init__(
        self,
        sources: tuple[Source, ...],
        push: Callable[[Mapping[bytes, Account]], None],
        record: Callable[..., None],
    ) -> None:
        """``record``: an event of the runtime (kind, text, loud=)."""
        self._sources = sources
        self._push = push
        self._record = record
        self._found: dict[int, dict[bytes, Account]] = {}
        self._troubles: dict[int, str] = {}
        self._told = -1
        self._again = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def troubles(self) -> list[str]:
        """What could not be read."""
        return [self._troubles[index] for index in sorted(self._troubles)]

    def start(self) -> None:
        """Read for the first time, soon, and then again and again."""
        if self._sources:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def reload(self, sources: tuple[Source, ...]) -> None:
        """Read everything anew, from where it is now."""
        if sources != self._sources:
            self._found.clear()
            self._troubles.clear()
        self._sources = sources
        self._told = -1
        if self._task is None:
            self.start()
        self._again.set()

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        everything = True
        while True:
            self._again.clear()
            await self._round(everything)
            everys = [source.every for source in self._sources if source.asked]
            if self._troubles:
                everys.append(RETRY)
            try:
                await asyncio.wait_for(self._again.wait(), min(everys) if everys else None)
                everything = True
            except TimeoutError:
                everything = False

    async def _round(self, everything: bool) -> None:
        before = dict(self._found)
        for index, source in enumerate(self._sources):
            if not everything and not source.asked and index not in self._troubles:
                continue
            try:
                self._found[index] = await read(source)
            except CredentialsError as error:
                if self._troubles.get(index) != str(error):
                    self._record("credentials_unreadable", str(error), loud=True)
                self._troubles[index] = str(error)
            else:
                self._troubles.pop(index, None)
        if before == self._found and not everything:
            return
        merged: dict[bytes, Account] = {}
        for index in sorted(self._found, reverse=True):  # the first source that knows one counts
            merged.update(self._found[index])
        self._push(merged)
        if len(merged) != self._told:
            self._told = len(merged)
            self._record("credentials", f"the credentials of {len(merged)} phones are known")

"""Speaks to the admin side of a running front: one request, one answer, one sentence if not."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sipfront.admin import token as tokens
from sipfront.cli.errors import Failed, Usage

if TYPE_CHECKING:
    import argparse

DEFAULT_CONFIG = Path("/etc/sipfront/sipfront.yaml")
#: A front that takes longer than this for a status is not well.
TIMEOUT = 10.0
#: The largest answer that is read.
MAX_ANSWER = 16 << 20


class Client:
    """Where the front is and who we are."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._url, self._token_file = _find(args)

    def get(self, path: str, *, private: bool = False) -> dict[str, Any]:
        """Ask; the token is sent where it is at hand, and for what is ``private`` it must be."""
        token = self._token() if private else self._optional_token()
        status, answer = self._request("GET", path, None, token)
        return self._judge(status, answer)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Pull a lever."""
        status, answer = self._request("POST", path, body, self._token())
        return self._judge(status, answer)

    def _judge(self, status: int, answer: dict[str, Any]) -> dict[str, Any]:
        if status == 401:
            raise Failed(f"the front at {self._url} does not take this token (see --help)")
        if status >= 400:
            raise Failed(str(answer.get("error") or f"the front answered {status}"))
        return answer

    def _token(self) -> str:
        if self._args.token_file is None and (given := os.environ.get("SIPFRONT_TOKEN")):
            return given.strip()
        try:
            return tokens.read(self._token_file)
        except tokens.TokenError as error:
            raise Failed(f"this needs the token of the front: {error}") from None

    def _optional_token(self) -> str | None:
        try:
            return self._token()
        except Failed:
            if self._args.token_file is not None:
                raise
            return None

    def _request(
        self, method: str, path: str, body: dict[str, Any] | None, token: str | None
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Accept": "application/json"}
        if token:
            if not token.isascii() or not token.isprintable():
                raise Usage("the token holds something that is no letter, digit or sign")
            headers["Authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection = _connection(self._url)
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            raw = response.read(MAX_ANSWER)
        except ssl.SSLError as error:
            raise Failed(f"{self._url}: {error.reason or 'TLS failed'}") from None
        except TimeoutError:
            raise Failed(f"the front at {self._url} does not answer within {TIMEOUT:g} s") from None
        except OSError as error:
            why = error.strerror or str(error)
            raise Failed(f"no front answers at {self._url} ({why}): is it running?") from None
        except http.client.HTTPException:
            raise Failed(f"what answers at {self._url} is not a front") from None
        finally:
            connection.close()
        try:
            answer = json.loads(raw)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise Failed(f"what answers at {self._url} is not a front")
        return response.status, answer


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urllib.parse.urlsplit(url)
    made = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return made(parts.hostname or "", parts.port, timeout=TIMEOUT)


def _find(args: argparse.Namespace) -> tuple[str, Path]:
    """The address and the token file, as the help says."""
    from sipfront.config import ConfigError, load, state_folder

    url, token_file = "http://127.0.0.1:8060", state_folder() / "token"
    given = args.config or os.environ.get("SIPFRONT_CONFIG")
    file = Path(given) if given else DEFAULT_CONFIG
    if given or (args.url is None and file.exists()):
        try:
            config, _ = load(file)
        except ConfigError as error:
            raise Usage(
                f"{file} cannot be used, see `sipfront check`: {error.problems[0]}"
            ) from None
        at = config.admin.listen
        if at.wildcard:
            at = at._replace(host="::1" if at.version == 6 else "127.0.0.1")
        url, token_file = str(at), config.admin.token_file
    if args.url is not None:
        url = _url(args.url)
    if args.token_file is not None:
        token_file = Path(args.token_file)
    return url, token_file


def _url(text: str) -> str:
    try:
        parts = urllib.parse.urlsplit(text)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        fine = fine and text.isascii() and text.isprintable() and " " not in text
    except ValueError:
        fine = False
    if not fine or parts.path not in {"", "/"} or parts.query or parts.username:
        raise Usage(f"--url {text!r} is not an address such as http://127.0.0.1:8060")
    return text.rstrip("/")

"""A carrier that is registered at: a small registrar with digest, which calls the Contact it was given.

Imports nothing of sipfront.
"""

from __future__ import annotations

import os
import re
import time

from tests.lab.phones.raw import Message, RawPhone


class Carrier(RawPhone):
    """Registers one account at a time and remembers when who asked."""

    def __init__(
        self,
        user: str,
        password: str,
        ip: str = "127.0.2.1",
        *,
        grants: int = 600,
        server: tuple[str, int] = ("127.0.0.10", 5060),
    ) -> None:
        super().__init__(user, ip, port=5060, server=server)
        self.password = password
        self.grants = grants
        #: what is registered now, and until when
        self.contact = ""
        self.until = 0.0
        #: the moments at which a REGISTER was accepted
        self.accepted: list[float] = []
        self._nonces: set[str] = set()
        self.react = self._react

    @property
    def registered(self) -> bool:
        """Whether a call would find somebody."""
        return bool(self.contact) and self.until > time.monotonic()

    def _react(self, message: Message) -> list[str]:
        if message.method == "ACK":
            return []
        if message.method != "REGISTER":
            return [self.answer(message, 200, "OK")]
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', message.header("Authorization")))
        if given.get("nonce") not in self._nonces or not self._proved(given):
            nonce = os.urandom(8).hex()
            self._nonces.add(nonce)
            challenge = f'Digest realm="{self.ip}", nonce="{nonce}", algorithm=MD5, qop="auth"'
            return [self.answer(message, 401, "Unauthorized", f"WWW-Authenticate: {challenge}")]
        self._nonces.discard(given["nonce"])
        found = re.search(r"<([^>]*)>(?:;expires=(\d+))?", message.header("Contact"))
        assert found is not None, message.text
        seconds = min(int(found[2] or message.header("Expires") or 3600), self.grants)
        self.contact = found[1] if seconds else ""
        self.until = time.monotonic() + seconds
        self.accepted.append(time.monotonic())
        return [self.answer(message, 200, "OK", f"Contact: <{found[1]}>;expires={seconds}")]

    def _proved(self, given: dict[str, str]) -> bool:
        wanted = self.proof(given, self.password, "REGISTER", given.get("uri", ""))
        return given.get("username") == self.user and given.get("response") == wanted

    async def call(self) -> tuple[Message, float]:
        """Call whoever is registered; the final answer, and the seconds that it took."""
        begun = time.monotonic()
        answer = await self.ask(
            self.request("INVITE", self.contact, sender=f"<sip:0170@{self.ip}>", body=self.sdp()),
            limit=10,
        )
        return answer, time.monotonic() - begun

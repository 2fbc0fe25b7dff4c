"""Does Asterisk's manager interface (AMI) answer?  Log in, ask for the core's status, log out.

The core answers this from a thread of its own: a PBX whose calls hang may still be well here.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from probes.lines import MOST, connected, fields
from probes.result import Bad, Result, judged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.lines import Lines
    from probes.result import Detail

PORT = 5038
TIMEOUT = 3.0


async def ami(
    host: str,
    port: int = PORT,
    *,
    user: str,
    password: str,
    local: str | None = None,
    timeout: float = TIMEOUT,
) -> Result:
    """Ask the manager at ``host`` and ``port``.  The password is not sent: MD5 of a challenge."""

    async def ask() -> tuple[str, Mapping[str, Detail]]:
        async with connected(host, port, local) as lines:
            return await _ask(lines, user, password)

    return await judged("ami", f"{host}:{port}", timeout, ask())


async def _ask(lines: Lines, user: str, password: str) -> tuple[str, Mapping[str, Detail]]:
    greeting = await lines.line()
    if "Call Manager" not in greeting:
        raise Bad(f"this is no manager interface: {greeting[:80]!r}")
    challenge = (await _do(lines, "Challenge", AuthType="MD5")).get("challenge", "")
    # The protocol's own way (AMI "Challenge"); nothing is protected by the strength of MD5 here.
    key = hashlib.md5(f"{challenge}{password}".encode(), usedforsecurity=False).hexdigest()
    await _do(lines, "Login", AuthType="MD5", Username=user, Key=key, Events="off")
    status = await _do(lines, "CoreStatus")
    await lines.say("Action: Logoff\r\n\r\n")
    calls = status.get("corecurrentcalls", "")
    details: dict[str, Detail] = {"calls": int(calls) if calls.isdigit() else None}
    return f"logged in, {calls or 'no number of'} calls", details


async def _do(lines: Lines, action: str, **more: str) -> dict[str, str]:
    """One action, and the fields of its answer; raises Bad when that is an error."""
    told = "".join(f"{name}: {value}\r\n" for name, value in more.items())
    await lines.say(f"Action: {action}\r\nActionID: {action}\r\n{told}\r\n")
    for _ in range(MOST):
        answer = fields(await lines.block())
        if answer.get("actionid") == action and "response" in answer:
            if answer["response"].lower() != "success":
                raise Bad(f"{action}: {answer.get('message', answer['response'])}")
            return answer
    raise Bad(f"{action}: no answer among {MOST} events")

"""Does FreeSWITCH's event socket (ESL) answer?  Log in, ask for the status, log out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes.lines import MOST, connected, fields
from probes.result import Bad, Result, judged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.lines import Lines
    from probes.result import Detail

PORT = 8021
TIMEOUT = 3.0
_SESSIONS = re.compile(r"(\d+) session\(s\)(?! since| per| max)")


async def esl(
    host: str,
    port: int = PORT,
    *,
    password: str,
    local: str | None = None,
    timeout: float = TIMEOUT,
) -> Result:
    """Ask the event socket at ``host`` and ``port``."""

    async def ask() -> tuple[str, Mapping[str, Detail]]:
        async with connected(host, port, local) as lines:
            return await _ask(lines, password)

    return await judged("esl", f"{host}:{port}", timeout, ask())


async def _ask(lines: Lines, password: str) -> tuple[str, Mapping[str, Detail]]:
    kind, _ = await _frame(lines)
    if kind.get("content-type") == "text/rude-rejection":
        raise Bad("its access list refuses our address")
    if kind.get("content-type") != "auth/request":
        raise Bad("this is no event socket")
    await lines.say(f"auth {password}\n\n")
    reply, _ = await _expect(lines, "command/reply")
    if not reply.get("reply-text", "").startswith("+OK"):
        raise Bad(f"not let in: {reply.get('reply-text', '')}")
    await lines.say("api status\n\n")
    _, status = await _expect(lines, "api/response")
    await lines.say("exit\n\n")
    if not status.startswith("UP"):
        raise Bad(f"not up: {status.splitlines()[0] if status else 'an empty status'}")
    if "is ready" not in status:
        raise Bad("up, but not ready")
    found = _SESSIONS.search(status)
    details: dict[str, Detail] = {"sessions": int(found[1]) if found else None}
    return "logged in, up and ready", details


async def _expect(lines: Lines, kind: str) -> tuple[dict[str, str], str]:
    """The next frame of this kind; events before it are passed over."""
    for _ in range(MOST):
        head, body = await _frame(lines)
        if head.get("content-type") == kind:
            return head, body
        if head.get("content-type") == "text/disconnect-notice":
            raise Bad("it hung up")
    raise Bad(f"no {kind} among {MOST} events")


async def _frame(lines: Lines) -> tuple[dict[str, str], str]:
    """Header lines up to an empty one, and a body as long as they say."""
    head = fields(await lines.block(b"\n\n"))
    length = head.get("content-length", "0")
    return head, await lines.exactly(int(length)) if length.isdigit() and int(length) else ""

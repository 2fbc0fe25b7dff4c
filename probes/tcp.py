"""Does anybody listen?  One TCP connection, opened and closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lines import connected
from probes.result import Result, judged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.result import Detail

TIMEOUT = 2.0


async def tcp(
    host: str, port: int, *, local: str | None = None, timeout: float = TIMEOUT
) -> Result:
    """Connect to ``host`` and ``port``, from the address ``local`` when that is given."""

    async def ask() -> tuple[str, Mapping[str, Detail]]:
        async with connected(host, port, local):
            return "somebody listens", {}

    return await judged("tcp", f"{host}:{port}", timeout, ask())

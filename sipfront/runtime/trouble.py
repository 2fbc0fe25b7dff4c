"""What is not well with the front itself, in one sentence: everything that signalling goes on without.

Imported by the runtime only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.runtime import log

if TYPE_CHECKING:
    from sipfront.runtime.server import Server


def trouble(server: Server) -> str:
    """Store, call records, log, probes and hooks; empty when all is well."""
    told = [server.store.health()]
    if server.recorder is not None:
        told.append(server.recorder.store.health())
    said = [text for good, text in told if not good]
    said += [log.trouble(), server.health.trouble]
    return "; ".join(text for text in said if text)

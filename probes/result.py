"""What a probe found: one value for every kind of probe, and what it means for who asked.

"No" and "could not ask" differ: ``good`` is None when the question could not be asked, or when the
answer says nothing about it (a node that is merely busy).  Imports nothing of sipfront.
"""

from __future__ import annotations

import asyncio
import errno
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probes.exchange import NoAnswerError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

#: Exit codes of the command: fine, the answer was bad, bad usage (also: could not be asked).
FINE, FAILED, USAGE = 0, 1, 2
#: Exit codes of monitoring plug-ins: OK, CRITICAL, UNKNOWN (1, WARNING, is not used).
OK, CRITICAL, UNKNOWN = 0, 2, 3

#: What the front's own side lacks: routes, addresses, sockets.  It says nothing about the node.
_OURS = {
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.EADDRNOTAVAIL,
    errno.EADDRINUSE,
    errno.EMFILE,
    errno.ENFILE,
    errno.EACCES,
    errno.EPERM,
}

#: A detail: a number, a word, or a truth.
Detail = float | int | str | bool | None


class CannotAsk(Exception):
    """The question could not be asked, for a reason on our side; the text says which."""


class Bad(Exception):
    """The answer is bad; the text says why, in one short phrase."""

    def __init__(self, text: str, **details: Detail) -> None:
        super().__init__(text)
        self.details = details


class Busy(Bad):
    """The node lives and is merely busy: this says nothing about whether it can serve."""


@dataclass(frozen=True, slots=True)
class Result:
    """One outcome.  ``seconds``: how long asking took, all in all."""

    probe: str
    target: str
    good: bool | None
    text: str
    seconds: float = 0.0
    details: Mapping[str, Detail] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """``good``, ``bad`` or ``unknown``."""
        return "unknown" if self.good is None else "good" if self.good else "bad"

    def exit_code(self, *, plugin: bool = False) -> int:
        """As cron wants it (0 only when good), or as monitoring plug-ins do it (0, 2, 3)."""
        if self.good:
            return OK
        if plugin:
            return UNKNOWN if self.good is None else CRITICAL
        return USAGE if self.good is None else FAILED

    def __str__(self) -> str:
        return (
            f"{self.probe} {self.target}: {self.word}: {self.text} ({self.seconds * 1000:.0f} ms)"
        )


async def judged(
    probe: str,
    target: str,
    timeout: float,
    asking: Awaitable[tuple[str, Mapping[str, Detail]]],
) -> Result:
    """Ask within ``timeout`` seconds, and turn however it ends into a :class:`Result`.

    ``asking`` returns text and details when all is well, and raises otherwise.
    """
    began = time.monotonic()
    good: bool | None = False
    details: Mapping[str, Detail] = {}
    try:
        async with asyncio.timeout(timeout):
            text, details = await asking
        good = True
    except Busy as busy:
        good, text, details = None, str(busy), busy.details
    except Bad as bad:
        text, details = str(bad), bad.details
    except CannotAsk as cannot:
        good, text = None, str(cannot)
    except UnreachableError as error:
        good, text = None, str(error)
    except NoAnswerError as error:
        text = str(error)
    except TimeoutError:
        text = f"no answer within {timeout:g} s"
    except ConnectionRefusedError:
        text = "refused: nobody listens there"
    except OSError as error:
        good = None if error.errno in _OURS else False
        text = error.strerror or str(error) or type(error).__name__
    return Result(probe, target, good, text, time.monotonic() - began, details)

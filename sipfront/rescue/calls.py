"""What becomes of the dialogs of a node that was given up (design, section 5).

Pure: legs in, one verdict for each out.  Today every call ends with a clean BYE on both legs, and
every subscription is told to subscribe again; a call whose media does not touch the dead node will
be kept here.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from sipfront.stack.dialog import CONFIRMED, Leg

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: RFC 3326, Q.850 cause 41 "temporary failure": what a phone's log shows.
REASON = 'Q.850;cause=41;text="Failover: the PBX that carried this call is gone"'


class Fate(IntEnum):
    """What is done with a dialog."""

    END = 0  #: BYE to the outside party
    RENEW = 1  #: NOTIFY terminated;reason=deactivated: the phone subscribes again


class Verdict(NamedTuple):
    """One dialog and what is done with it."""

    leg: Leg
    fate: Fate
    reason: str


def given_up(legs: Iterable[Leg]) -> Iterator[Verdict]:
    """The verdicts for the dialogs of a node that is gone for good; calls before subscriptions."""
    later = []
    for leg in legs:
        if leg.state != CONFIRMED:
            continue
        if leg.kind == b"INVITE" or leg.kind == b"":
            yield Verdict(leg, Fate.END, REASON)
        else:
            later.append(Verdict(leg, Fate.RENEW, ""))
    yield from later

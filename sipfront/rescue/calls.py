"""What becomes of the dialogs of a node that was given up (design, section 5).

Pure: legs in, one verdict for each out.  A call whose media does not touch the dead node, and of
which it is certain who talks to whom, is kept; every other one ends with a clean BYE on both legs;
every subscription is told to subscribe again.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from sipfront.rescue.media import Hosts, origin_address, places
from sipfront.rescue.pairing import Feed, Pairing
from sipfront.stack.dialog import CONFIRMED, Gone, Leg
from sipfront.stack.session import OFFERED, STABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: RFC 3326, Q.850 cause 41 "temporary failure": what a phone's log shows.
REASON = 'Q.850;cause=41;text="Failover: the PBX that carried this call is gone"'
#: Dialogs that are read before the caller may do something else: about 2 ms.
STRETCH = 250


class Fate(IntEnum):
    """What is done with a dialog."""

    END = 0  #: BYE to the outside party
    RENEW = 1  #: NOTIFY terminated;reason=deactivated: the phone subscribes again
    KEEP = 2  #: the front is the PBX's end of this leg and of ``other`` from now on


class Verdict(NamedTuple):
    """One dialog, or with KEEP the two of a call, and what is done."""

    leg: Leg
    fate: Fate
    reason: str
    other: Leg | None = None


def given_up(
    node: int,
    live: Iterable[Leg],
    ended: Iterable[Gone] = (),
    hosts: Iterable[bytes] = (),
    feed: Feed | None = None,
) -> Iterator[Verdict | None]:
    """The verdicts for the dialogs of a node that is gone for good; calls before subscriptions.

    ``live``: all dialogs, of the other node too.  ``ended``: those that ended a moment ago.
    ``hosts``: the addresses of the node.  None stands between: some work was done without a verdict.
    """
    live = list(live)
    mine = [leg for leg in live if leg.owner == node and leg.state == CONFIRMED and not leg.joined]
    own = Hosts(hosts)
    maybe, later = [], []
    for leg in mine:
        if leg.kind not in (b"INVITE", b""):
            later.append(leg)
        elif _without_it(leg, own):
            maybe.append(leg)
        else:
            yield Verdict(leg, Fate.END, REASON)
    if maybe:
        yield from _paired(
            node, maybe, live, halves(ended, {leg.correlation for leg in live}), feed
        )
    for leg in later:
        yield Verdict(leg, Fate.RENEW, "")


def _paired(
    node: int,
    maybe: list[Leg],
    live: list[Leg],
    ended: list[Gone],
    feed: Feed | None,
) -> Iterator[Verdict | None]:
    pairing = Pairing()
    for number, leg in enumerate(live):
        pairing.add(leg)
        if number % STRETCH == STRETCH - 1:
            yield None
    for gone in ended:
        pairing.ended(gone)
    yield None
    if feed is not None:
        pairing.told(feed.bridged(node))
    able = {id(leg) for leg in maybe}
    done: set[int] = set()
    for leg in maybe:
        if id(leg) in done:
            continue
        other = pairing.partner(leg)
        if other is None or id(other) not in able or not direct(leg, other):
            yield Verdict(leg, Fate.END, REASON)
            continue
        done.add(id(other))
        yield Verdict(leg, Fate.KEEP, "", other)


def halves(ended: Iterable[Gone], live: set[bytes]) -> list[Gone]:
    """Of the dialogs that ended a moment ago, those whose other half may still be there.

    That one names somebody who is gone, and the next who comes to be at that place must not be
    taken for him.  Certainly both have ended when two, and nobody else who ended or lives (``live``:
    their correlations), have one correlation, and they name each other.
    """
    lonely = []
    found: dict[bytes, list[Gone]] = {}
    for gone in ended:
        if gone.correlation and gone.correlation not in live:
            found.setdefault(gone.correlation, []).append(gone)
        else:
            lonely.append(gone)
    for gones in found.values():
        if len(gones) != 2 or not _name_each_other(*gones):
            lonely += gones
    return lonely


def _name_each_other(one: Gone, other: Gone) -> bool:
    own, told = places(one.outside_sdp), places(one.inside_sdp)
    return (told, own) == (places(other.outside_sdp), places(other.inside_sdp)) and bool(own)


def _without_it(leg: Leg, hosts: Hosts) -> bool:
    """Whether the media of a leg may well go on without its node."""
    session = leg.session
    if session is None or not places(session.inside_sdp):
        return False
    if session.state != STABLE and not (session.state == OFFERED and session.asker):
        return False  # the node's own offer is in the air: what counts is not certain
    return not hosts.touched(session.inside_sdp)


def direct(leg: Leg, other: Leg) -> bool:
    """Whether each was told where the other is, or at least not where the node itself is.

    A node behind NAT may have an address that nobody configured here.  It gives itself away: it is
    the one in its own ``o=`` line (a node that passes descriptions on as they came passes ``o=`` on
    too, but then they name the other party).
    """
    for one, two in ((leg, other), (other, leg)):
        if one.session is None or two.session is None:
            return False
        told = places(one.session.inside_sdp)
        if told == places(two.session.outside_sdp):
            continue
        itself = origin_address(one.session.inside_sdp)
        if not itself or any(place is not None and place[0] == itself for place in told):
            return False
    return True

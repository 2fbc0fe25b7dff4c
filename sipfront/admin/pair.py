"""The pair as it is now, and the levers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.admin.port import MODES, Mode
from sipfront.admin.route import DONE, ERROR, Answer, Asked, Refused, Route, answer
from sipfront.admin.schema import array, boolean, integer, mapping, maybe, number, record, text
from sipfront.admin.trunks import TRUNK

if TYPE_CHECKING:
    from aiohttp import web

NODE = record(
    {
        "name": text("The node's name"),
        "uri": text("Where it is"),
        "role": text("active or standby"),
        "state": text("UP, SUSPECT, OVERLOADED, DOWN or UNKNOWN"),
        "standing": text("What it may start: ACTIVE, DRAINING, STANDBY or FENCED"),
        "mode": text("What the operator wishes", enum=list(MODES)),
        "ready": boolean("May it take over now"),
        "why": text("The sentence for its state"),
        "draining": maybe(
            record(
                {
                    "for": number("Seconds since it gets nothing new"),
                    "left": integer("Dialogs that it still has, and calls that it is setting up"),
                    "force_in": maybe(number("Seconds until they are ended; null: never")),
                }
            )
        ),
        "phones": integer("Phones that can be called through it now"),
        "verdicts": mapping(text(), "Each question about it: good, bad or unknown"),
        "grounds": mapping(text(), "What each of these rests on"),
        "heard": maybe(number("Seconds since anything came from it")),
        "answered": maybe(number("Seconds since it answered a probe")),
        "rtt_ms": maybe(number("Time to an answer to OPTIONS, smoothed")),
        "unanswered": integer("Sends without an answer since it was last heard"),
        "status": maybe(integer("What it answered last to OPTIONS")),
        "evidence": mapping(integer(), "Pieces of evidence of the last 10 s by kind"),
        "counters": mapping(integer(), "What was counted of it"),
    },
    optional=(
        "draining",
        "standing",
        "phones",
        "verdicts",
        "grounds",
        "answered",
        "rtt_ms",
        "unanswered",
        "status",
        "evidence",
        "counters",
    ),
)

PROBE = record(
    {
        "probe": text("Its name"),
        "kind": text("What it asks with"),
        "question": text("What it is about: reachable, register, call or ready"),
        "node": text("Whom it asked"),
        "outcome": text("good, bad, unknown or hung"),
        "text": text("What it says"),
        "seconds": number("How long it took"),
        "age": number("Seconds since then"),
        "details": record({}, "Figures of this kind of probe"),
    }
)

STATUS = record(
    {
        "redundant": boolean("Would a dead active node be survived now"),
        "why": text("The sentence for that"),
        "active": maybe(text("The name of the active node")),
        "epoch": integer("Changes of role so far"),
        "decision": text("The last decision in a sentence"),
        "instance": text("Made anew at every start of the front"),
        "version": text(),
        "uptime": number("Seconds since the start"),
        "nodes": array(NODE),
        "healthy": boolean("Is all well with the front itself"),
        "trouble": text("What is not; empty when all is"),
        "store": text("Where state is saved, or why it is not"),
        "probes": array(PROBE, "The last outcome of every probe at every node"),
        "trunks": array(TRUNK, "Those at which somebody registers"),
        "calls": integer("Calls that are up"),
        "bindings": integer("Phones that are registered"),
        "answers": mapping(integer(), "Calls from outside by the status of their final answer"),
        "gauges": mapping(integer(), "How much there is of everything now"),
        "counters": mapping(integer(), "What was counted since the start"),
    },
    optional=(
        "instance",
        "healthy",
        "trouble",
        "store",
        "probes",
        "trunks",
        "answers",
        "gauges",
        "counters",
    ),
)


async def _status(asked: Asked) -> web.StreamResponse:
    return answer(asked.control.status())


async def _switchover(asked: Asked) -> web.StreamResponse:
    to = asked.body.get("to")
    if to is not None:
        _known(asked, to)
    return _outcome(*asked.control.switchover(to, asked.body.get("force", False)))


async def _mode(asked: Asked) -> web.StreamResponse:
    node = asked.places["name"]
    _known(asked, node)
    mode: Mode = asked.body["mode"]
    return _outcome(*asked.control.set_mode(node, mode, asked.body.get("force_after")))


def _outcome(done: bool, sentence: str) -> web.Response:
    """What a lever has done; one that the front has refused is a conflict with its state."""
    if not done:
        raise Refused(409, sentence)
    return answer({"text": sentence})


def _known(asked: Asked, node: str) -> None:
    names = [str(its.get("name")) for its in asked.control.status().get("nodes", [])]
    if node not in names:
        raise Refused(404, f"there is no such node; the nodes are {' and '.join(names)}")


_LEVER = {
    200: Answer("Done", DONE),
    404: Answer("There is no such node", ERROR),
    409: Answer("The front refuses, and says why", ERROR),
}

ROUTES = (
    Route(
        "GET",
        "/api/v1/status",
        _status,
        "Everything that `sipfront status` shows",
        "pair",
        {200: Answer("The pair as it is now", STATUS)},
    ),
    Route(
        "POST",
        "/api/v1/switchover",
        _switchover,
        "Make the other node the active one",
        "pair",
        _LEVER,
        body=record(
            {
                "to": maybe(text("The node to become active; left out: the other one")),
                "force": boolean(
                    "Even if it is not known to be ready, in hold-down, or too often an hour"
                ),
            },
            optional=("to", "force"),
            closed=True,
        ),
    ),
    Route(
        "POST",
        "/api/v1/nodes/{name}/mode",
        _mode,
        "Set the operator's wish for a node: drain, maintenance, resume",
        "pair",
        _LEVER,
        places={"name": text("The node's name")},
        body=record(
            {
                "mode": text("The wish", enum=list(MODES)),
                "force_after": maybe(
                    number(
                        "Seconds after which the dialogs that are left are ended; null: never",
                        minimum=0,
                        maximum=7 * 86400,
                    )
                ),
            },
            optional=("force_after",),
            closed=True,
        ),
    ),
)

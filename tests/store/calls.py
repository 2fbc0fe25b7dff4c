"""Call records to keep."""

from __future__ import annotations

from sipfront.store.calls import CallRow


def call(number: int, ended: float | None = -1.0, **more: object) -> CallRow:
    """A call that began at ``number``; ended ten seconds later unless told."""
    row = CallRow(
        id=f"call{number}",
        began=float(number),
        rang=number + 1.0,
        answered=number + 2.0,
        ended=number + 12.0 if ended == -1.0 else ended,
        ender="caller" if ended else "",
        status=200,
        caller="1001@example.com",
        callee=f"{number}@example.com",
        reached="",
        trunk_in="",
        trunk_out="carrier",
        node="pbx-a",
        node_end="pbx-b" if number % 2 else "pbx-a",
        epoch=1,
        done="moved",
        call_id=f"c{number}",
        other_call_id="",
        tag="t",
        outside=1,
    )
    return row._replace(**more)  # type: ignore[arg-type]

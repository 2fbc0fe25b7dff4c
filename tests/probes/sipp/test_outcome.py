from __future__ import annotations

import pytest

from probes.sipp import Outcome, Result, SippFailed, Stats
from probes.sipp.outcome import outcome

#: Cut down to what is read; the real one has 90 columns more.
HEADER = (
    "StartTime;CurrentTime;TotalCallCreated;CurrentCall;SuccessfulCall(P);SuccessfulCall(C);"
    "FailedCall(P);FailedCall(C);FailedMaxUDPRetrans(P);FailedMaxUDPRetrans(C);"
    "FailedUnexpectedMessage(P);FailedUnexpectedMessage(C);Retransmissions(P);Retransmissions(C);\n"
)
START = "2026-01-01\t00:00:00.500000\t1767225600.500000"
NOW = "2026-01-01\t00:00:02.750000\t1767225602.750000"
ROW = f"{START};{NOW};10;3;1;5;0;2;0;2;0;0;1;4;\n"


def test_a_row_is_read_by_name() -> None:
    stats = Stats.parse(HEADER, ROW)
    assert stats == Stats(
        at=1767225602.75,
        elapsed=2.25,
        created=10,
        current=3,
        successful=5,
        failed=2,
        retransmissions=4,
        unexpected=0,
        failures={"MaxUDPRetrans": 2},
    )


@pytest.mark.parametrize("cut", range(len(ROW)))
def test_a_torn_row_is_not_read(cut: int) -> None:
    assert Stats.parse(HEADER, ROW[:cut]) is None


def test_an_answered_options_is_no_call_that_is_up() -> None:
    header = HEADER.replace(";\n", ";AutoAnswered(C);\n")
    stats = Stats.parse(header, ROW.replace(";\n", ";2;\n"))
    assert stats is not None
    assert (stats.current, stats.auto_answered, stats.up) == (3, 2, 1)


SOME = Stats.parse(HEADER, ROW)
NONE = Stats.parse(HEADER, f"{START};{NOW};0;0;0;0;0;0;0;0;0;0;0;0;\n")


@pytest.mark.parametrize(
    ("code", "stats", "expected"),
    [
        (0, SOME, Outcome.SUCCESS),
        (0, NONE, Outcome.NO_CALLS),
        (1, SOME, Outcome.CALLS_FAILED),
        (1, NONE, Outcome.FATAL),  # SIPp's exit code for a scenario that it cannot read
        (1, None, Outcome.FATAL),
        (97, SOME, Outcome.STOPPED),
        (99, None, Outcome.NO_CALLS),
        (254, None, Outcome.BIND_FAILED),
        (255, SOME, Outcome.FATAL),
        (42, SOME, Outcome.FATAL),
        (-9, SOME, Outcome.KILLED),
    ],
)
def test_exit_codes_have_names(code: int, stats: Stats | None, expected: Outcome) -> None:
    assert outcome(code, stats) is expected


def test_a_failure_says_who_and_why() -> None:
    result = Result(
        "uac", Outcome.CALLS_FAILED, 1, SOME, errors=f"{NOW}: first\n{NOW}: last\nmore\n"
    )
    assert not result.ok
    assert str(SippFailed((result,))) == (
        "uac: at least one call failed, 5 successful, 2 failed (MaxUDPRetrans 2): last"
    )


def test_a_server_that_nobody_called_has_not_failed() -> None:
    assert Result("uas", Outcome.NO_CALLS, 0, NONE).ok
    assert not Result("uas", Outcome.KILLED, -9, NONE).ok

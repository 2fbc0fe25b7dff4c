"""What is sent through a subject: calls, registrations, OPTIONS; SIPp does the sending."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.subjects import CALLER, DOMAIN, NODES, PORT
from probes import sipp

if TYPE_CHECKING:
    from probes.sipp.agent import Agent

#: Seconds after the last new call that SIPp may take.
GRACE = 20
#: The port of all phones.
PHONES = 5080
#: Sockets that hold what comes while SIPp waits for the processor; and no memory of every call
#: that has ended, which SIPp keeps for 33 s to absorb what comes again.
EXTRA = ("-buff_size", str(4 << 20), "-deadcall_wait", "0")


@dataclass(frozen=True)
class Load:
    """One kind of load: what is counted as one of it, and who answers at the nodes."""

    name: str
    unit: str
    #: "sipp": called parties; "registrar": light nodes that accept registrations
    nodes: str = "sipp"
    #: what the sending side speaks; anything but UDP: bench.light sends
    transport: str = "udp"


CALL = Load("call", "INVITE 180 200 ACK BYE 200")
REGISTER = Load("first REGISTER", "REGISTER 200", "registrar")
REFRESH = Load("refresh REGISTER", "REGISTER 200", "registrar")
OPTIONS = Load("OPTIONS", "OPTIONS 200", "registrar")
TCP = Load("call over TCP", CALL.unit, transport="tcp")
TLS = Load("call over TLS", CALL.unit, transport="tls")
LOADS = {
    "call": CALL,
    "tcp": TCP,
    "tls": TLS,
    "register": REGISTER,
    "refresh": REFRESH,
    "options": OPTIONS,
}


def caller(
    load: Load,
    address: str,
    rate: float,
    count: int,
    *,
    hold: int = 0,
    batch: int = 0,
    number: int = 1,
) -> Agent:
    """The sending side.

    ``hold``: ms that a call lasts; ``batch``: which users register; ``number``: for which time
    (their CSeq).
    """
    common = sipp.client(
        srcaddr=(CALLER, None),
        destaddr=(address, PORT),
        domain=DOMAIN,
        rate=rate,
        call_count=count,
        limit=max(10_000, int(count * 1.1)),
        timeout=int(count / rate + hold / 1000 + GRACE),
        extra=EXTRA,
    )
    if load is CALL:
        return common.but(scen_name="uac", uri_username="600", caller="1001", pause_duration=hold)
    if load is OPTIONS:
        # To the subject itself, which answers.
        return common.but(scen_name="options", domain=f"{address}:{PORT}")
    # A phone comes back from the port, and under the Call-ID, that it had: anything else would
    # not be a refresh.
    return common.but(
        srcaddr=(CALLER, PHONES),
        scen_file=Path(__file__).with_name("registers.xml"),
        users=tuple((f"u{batch}x{user}", "secret") for user in range(count)),
        key_vals={"number": str(number)},
        extra=(*EXTRA, "-cid_str", f"b{batch}-%u@%s"),
    )


def called(node: str) -> Agent:
    """A called party at a node's address."""
    return sipp.server(scen_name="uas", srcaddr=(node, PORT), auto_answer=True, extra=EXTRA)


def nodes() -> list[Agent]:
    """The called parties."""
    return [called(node) for node in NODES]

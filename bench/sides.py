"""Who calls whom in a fault run: SIPp as a carrier and as the phone 1001, either way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import scenarios
from probes import sipp
from tests.lab.asterisk import password

if TYPE_CHECKING:
    from bench.faults import Plan
    from bench.lab import Lab
    from probes.sipp.agent import Agent

#: How long after the last call SIPp may take: a BYE that is repeated until it is given up.
TAIL = 35
#: The same for another proxy, of which only new calls are compared.
SHORT_TAIL = 8


def sides(plan: Plan, lab: Lab) -> tuple[Agent, Agent]:
    """The called party and the caller."""
    phone, carrier = (lab.phone, 5060), (lab.carrier, 5060)
    called = sipp.server(scen_name="uas", srcaddr=phone, auto_answer=True)
    if plan.ring:
        rings = lab.folder / "rings.xml"
        rings.write_text(scenarios.called_that_rings(plan.ring))
        called = called.but(scen_file=rings)
    trunk = plan.target == "trunk"
    scenario = lab.folder / "caller.xml"
    scenario.write_text(scenarios.caller(round(1000 * plan.length), password=trunk))
    if trunk:
        called = called.but(srcaddr=carrier)
        caller = sipp.client(
            scen_file=scenario,
            srcaddr=phone,
            uri_username="9100",
            caller="1001",
            auth_username="1001",
            auth_password=password("1001"),
        )
    else:
        caller = sipp.client(
            scen_file=scenario, srcaddr=carrier, uri_username="1001", caller="004912345"
        )
    caller = caller.but(
        destaddr=(lab.address, 5060),
        domain="example.com",
        rate=plan.rate,
        call_count=int(plan.rate * plan.seconds),
        timings=True,
        timeout=int(plan.seconds + plan.length + (SHORT_TAIL if plan.against else TAIL)),
    )
    return called, caller

"""Who calls whom in a fault run: SIPp as a carrier and as the phone 1001, either way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes import sipp
from tests.lab.asterisk import password

if TYPE_CHECKING:
    from bench.faults import Plan
    from bench.lab import Lab
    from probes.sipp.agent import Agent

#: How long after the last call SIPp may take: a BYE that is repeated until it is given up.
TAIL = 35

_RINGING = """<?xml version="1.0" encoding="UTF-8" ?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="rings">
  <recv request="INVITE" crlf="true">
    <action>
      <ereg regexp="[^ ].*" search_in="hdr" header="CSeq:" assign_to="cseq"/>
      <ereg regexp="[^ ].*" search_in="hdr" header="Via:" assign_to="via"/>
      <ereg regexp="[^ ].*" search_in="hdr" header="To:" assign_to="to"/>
    </action>
  </recv>
  <send><![CDATA[

      SIP/2.0 180 Ringing
      [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]SIPpTag01[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:[local_ip]:[local_port];transport=[transport]>
      Content-Length: 0

  ]]></send>
  <recv request="CANCEL" timeout="@RING@" ontimeout="1"/>
  <send><![CDATA[

      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]SIPpTag01[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[

      SIP/2.0 487 Request Terminated
      Via: [$via]
      [last_From:]
      To: [$to];tag=[pid]SIPpTag01[call_number]
      [last_Call-ID:]
      CSeq: [$cseq]
      Content-Length: 0

  ]]></send>
  <recv request="ACK" next="2"/>
  <label id="1"/>
  <send retrans="500"><![CDATA[

      SIP/2.0 200 OK
      Via: [$via]
      [last_From:]
      To: [$to];tag=[pid]SIPpTag01[call_number]
      [last_Call-ID:]
      CSeq: [$cseq]
      Contact: <sip:[local_ip]:[local_port];transport=[transport]>
      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=sipp [pid] 1 IN IP[local_ip_type] [local_ip]
      s=-
      c=IN IP[media_ip_type] [media_ip]
      t=0 0
      m=audio [media_port] RTP/AVP 0
      a=rtpmap:0 PCMU/8000

  ]]></send>
  <recv request="ACK"/>
  <recv request="BYE"/>
  <send><![CDATA[

      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

  ]]></send>
  <pause milliseconds="1000" next="2"/>
  <label id="2"/>
</scenario>
"""


def sides(plan: Plan, lab: Lab) -> tuple[Agent, Agent]:
    """The called party and the caller."""
    phone, carrier = (lab.phone, 5060), (lab.carrier, 5060)
    called = sipp.server(scen_name="uas", srcaddr=phone, auto_answer=True)
    if plan.ring:
        scenario = lab.folder / "rings.xml"
        scenario.write_text(_RINGING.replace("@RING@", str(plan.ring)))
        called = called.but(scen_file=scenario)
    caller = sipp.client(scen_name="trunk_uac", srcaddr=carrier, uri_username="1001")
    if plan.target == "trunk":
        called = called.but(srcaddr=carrier)
        caller = sipp.client(
            scen_name="uac_auth",
            srcaddr=phone,
            uri_username="9100",
            caller="1001",
            auth_username="1001",
            auth_password=password("1001"),
        )
    caller = caller.but(
        destaddr=(lab.address, 5060),
        domain="example.com",
        rate=plan.rate,
        call_count=int(plan.rate * plan.seconds),
        pause_duration=int(1000 * plan.length),
        timings=True,
        timeout=int(plan.seconds + plan.length + TAIL),
    )
    return called, caller

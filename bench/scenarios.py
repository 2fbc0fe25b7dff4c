"""Two SIPp scenarios that only fault runs need, as text.

A caller with a password who, as phones do, answers a second challenge that comes with another
nonce (the other node's); and a called party that rings and obeys a CANCEL.
"""

from __future__ import annotations

_SDP = """
      v=0
      o=sipp [pid] 1 IN IP[local_ip_type] [local_ip]
      s=-
      c=IN IP[media_ip_type] [media_ip]
      t=0 0
      m=audio [media_port] RTP/AVP 0
      a=rtpmap:0 PCMU/8000

"""
_TAG = "tag=[pid]SIPpTag00[call_number]"
_OURS = f'From: "[caller]" <sip:[caller]@[domain]>;{_TAG}'
_VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch{}];rport"

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


def _request(line: str, cseq: str, to: str, more: str = "", *, back: str = "") -> str:
    return f"""
      {line} SIP/2.0
      {_VIA.format(back)}
      Max-Forwards: 70
      {_OURS}
      To: <sip:[service]@[domain]>{to}
      Call-ID: [call_id]
      CSeq: {cseq}
      {more}Content-Length: """


def _send(text: str, attributes: str = "") -> str:
    return f"  <send{attributes}><![CDATA[\n{text}\n\n  ]]></send>\n"


def _invite(number: int) -> str:
    more = "Contact: <sip:[caller]@[local_ip]:[local_port]>\n      Content-Type: application/sdp\n"
    more += "      " + ("[authentication]\n      " if number > 1 else "")
    text = _request("INVITE sip:[service]@[domain]", f"{number} INVITE", "", more)
    return _send(f"{text}[len]\n{_SDP}", ' retrans="500"')


def _acknowledge(number: int, back: int) -> str:
    line = "ACK sip:[service]@[domain]"
    text = _request(line, f"{number} ACK", "[peer_tag_param]", back=f"-{back}")
    return _send(f"{text}0\n")


def _optional(*codes: int) -> str:
    return "".join(f'  <recv response="{code}" optional="true"/>\n' for code in codes)


def caller_with_password() -> str:
    """INVITE, challenge, INVITE, perhaps another challenge, 200, pause, BYE."""
    ringing = _optional(100, 180, 181, 182, 183)
    in_dialog = "[routes]\n      "
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
        '<scenario name="caller_with_password">\n'
        + _invite(1)
        + _optional(100)
        + '  <recv response="401" auth="true"/>\n'
        + _acknowledge(1, 3)
        + _invite(2)
        + '  <recv response="401" optional="true" auth="true" next="1"/>\n'
        + ringing
        + '  <recv response="200" rrs="true" next="2"/>\n  <label id="1"/>\n'
        + _acknowledge(2, 8)
        + _invite(3)
        + ringing
        + '  <recv response="200" rrs="true"/>\n  <label id="2"/>\n'
        + _send(
            _request("ACK [next_url]", "[last_cseq_number] ACK", "[peer_tag_param]", in_dialog)
            + "0\n"
        )
        + "  <pause/>\n"
        + _send(
            _request("BYE [next_url]", "9 BYE", "[peer_tag_param]", in_dialog) + "0\n",
            ' retrans="500"',
        )
        + '  <recv response="200"/>\n</scenario>\n'
    )


def called_that_rings(milliseconds: int) -> str:
    """180, so much later 200, or 487 when a CANCEL comes before."""
    return _RINGING.replace("@RING@", str(milliseconds))

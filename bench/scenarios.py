"""SIPp scenarios that only fault runs need, as text: parties that take what a fault makes of a call.

Callers accept re-INVITEs and a BYE of the other side, and answer a second challenge, as phones do;
a called party rings and obeys a CANCEL.
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
  <label id="3"/>
  <recv request="INVITE" optional="true" next="4"/>
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
  <label id="4"/>
@AGREED@
  <recv request="ACK" next="3"/>
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


def _agreed() -> str:
    """200 to a re-INVITE: Asterisk tells a late change of the connected party by one."""
    contact = "Contact: <sip:[local_ip]:[local_port]>\n      Content-Type: application/sdp\n"
    copied = "".join(f"      [last_{name}:]\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
    head = f"\n      SIP/2.0 200 OK\n{copied}      {contact}      Content-Length: [len]\n"
    return _send(head + _SDP, ' retrans="500"')


def _ended() -> str:
    copied = "".join(f"      [last_{name}:]\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
    return _send(f"\n      SIP/2.0 200 OK\n{copied}      Content-Length: 0\n")


def _up(milliseconds: int) -> str:
    """From the 200 on: ACK, then the first of a re-INVITE, a BYE, or our own BYE in time."""
    in_dialog = "[routes]\n      "
    waits = f'timeout="{milliseconds}" ontimeout="5"'
    acknowledge = _request(
        "ACK [next_url]", "[last_cseq_number] ACK", "[peer_tag_param]", in_dialog
    )
    bye = _request("BYE [next_url]", "9 BYE", "[peer_tag_param]", in_dialog)
    return (
        _send(f"{acknowledge}0\n")
        + '  <label id="3"/>\n'
        + f'  <recv request="INVITE" optional="true" next="4" {waits}/>\n'
        + f'  <recv request="BYE" {waits}/>\n'
        + _ended()
        + '  <nop next="6"/>\n  <label id="4"/>\n'
        + _agreed()
        + '  <recv request="ACK" next="3"/>\n  <label id="5"/>\n'
        + _send(f"{bye}0\n", ' retrans="500"')
        + '  <recv response="200"/>\n  <label id="6"/>\n</scenario>\n'
    )


_HEAD = '<?xml version="1.0" encoding="UTF-8" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
_RINGS = (100, 180, 181, 182, 183)


def caller(milliseconds: int, *, password: bool) -> str:
    """A caller whose calls last so long: a carrier's, or a phone's, which is challenged.

    A phone answers a second challenge too, when it comes with another nonce.
    """
    text = f'{_HEAD}<scenario name="caller">\n' + _invite(1)
    if not password:
        text += _optional(*_RINGS) + '  <recv response="200" rrs="true"/>\n'
        return text + _up(milliseconds)
    text += _optional(100) + '  <recv response="401" auth="true"/>\n' + _acknowledge(1, 3)
    text += _invite(2)
    text += '  <recv response="401" optional="true" auth="true" next="1"/>\n'
    text += _optional(*_RINGS)
    text += '  <recv response="200" rrs="true" next="2"/>\n  <label id="1"/>\n'
    text += _acknowledge(2, 8) + _invite(3) + _optional(*_RINGS)
    text += '  <recv response="200" rrs="true"/>\n  <label id="2"/>\n'
    return text + _up(milliseconds)


def called_that_rings(milliseconds: int) -> str:
    """180, so much later 200, or 487 when a CANCEL comes before."""
    return _RINGING.replace("@RING@", str(milliseconds)).replace("@AGREED@", _agreed())


def _compare() -> str:
    """Whether the To-tag of an answer is another than that of the first one."""
    return (
        "    <action>\n"
        '      <ereg regexp="tag=[^; ]*" search_in="hdr" header="To:" assign_to="again"/>\n'
        '      <strcmp assign_to="apart" variable="first" variable2="again"/>\n'
        '      <test assign_to="second" variable="apart" compare="not_equal" value="0"/>\n'
        "    </action>\n"
    )


def caller_who_hears_it_ring(milliseconds: int, *, one_dialog: bool) -> str:
    """A carrier's caller of the users of a list, who hears it ring, and talks for so long.

    With ``one_dialog`` it fails when a second To-tag comes, as some gateways do; it takes a
    re-INVITE at any time in the call.
    """
    mine = "[field0]@[domain]"
    text = f'{_HEAD}<scenario name="hears-it-ring">\n' + _invite(1).replace(
        "[service]@[domain]", mine
    )
    text += _optional(100) + '  <recv response="180">\n    <action>\n'
    text += '      <ereg regexp="tag=[^; ]*" search_in="hdr" header="To:" assign_to="first"/>\n'
    text += "    </action>\n  </recv>\n"
    text += '  <label id="11"/>\n'
    for code in (180, 183):
        text += f'  <recv response="{code}" optional="true" next="12">\n{_compare()}  </recv>\n'
    text += f'  <recv response="200" rrs="true" next="13">\n{_compare()}  </recv>\n'
    fail = '  <nop next="19" test="second"/>\n' if one_dialog else ""
    text += f'  <label id="12"/>\n{fail}  <nop next="11"/>\n  <label id="13"/>\n{fail}'
    talk = _up(milliseconds).replace("[service]@[domain]", mine)
    lost = '  <label id="19"/>\n  <recv request="NEVER" timeout="10"/>\n</scenario>\n'
    used = '  <Reference variables="first,again,apart,second"/>\n'
    text += talk.replace("</scenario>\n", f'  <nop next="20"/>\n{lost}')
    return text.replace("</scenario>\n", f'  <label id="20"/>\n{used}</scenario>\n')

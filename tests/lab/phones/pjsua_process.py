"""One PJSIP phone, a process of its own (PJSIP allows one endpoint a process).

Commands come as JSON lines on stdin (``{"id": 1, "do": "call", ...}``), answers and events leave
as JSON lines on stdout.  :mod:`tests.lab.phones.pjsua` is the other end and says what the commands
mean.  Everything runs in the main thread; PJSIP's own threads only move sound.  It hears each call
into a WAV file of its own and speaks with one tone, so that a recording proves who hears whom.
"""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pjsua2 as pj

TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}
RATE = 8000
#: Where answers and events go.  PJSIP prints what it likes to stdout, which becomes stderr.
OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def tell(**what: Any) -> None:
    """Send one line to the test."""
    OUT.write(json.dumps(what) + "\n")
    OUT.flush()


def text(error: BaseException) -> str:
    """Say what PJSIP complains about."""
    return str(getattr(error, "reason", "") or getattr(error, "args", error))


class Call(pj.Call):  # type: ignore[misc]
    """One call of the phone."""

    def __init__(self, phone: Phone, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone.account, call_id)
        self.phone = phone
        phone.calls_made += 1
        self.name = phone.calls_made
        self.file = phone.folder / f"call-{self.name}.wav"
        self.recorder: Any = None
        self.media: Any = None

    def onCallState(self, prm: Any) -> None:  # noqa: N802 (PJSIP calls it so)
        """The call went one state further."""
        info = self.getInfo()
        tell(
            event="call",
            call=self.name,
            state=info.stateText,
            code=info.lastStatusCode,
            reason=info.lastReason,
            peer=info.remoteUri,
            sip=info.callIdString,
        )
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.silence()
            self.phone.ended.append(self)

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802
        """Sound goes or stops: speak and listen while it goes."""
        info = self.getInfo()
        states = []
        for index, media in enumerate(info.media):
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            states.append((media.status, media.dir))
            if media.status in (
                pj.PJSUA_CALL_MEDIA_ACTIVE,
                pj.PJSUA_CALL_MEDIA_REMOTE_HOLD,
            ):
                self.speak(self.getAudioMedia(index))
        active = any(status == pj.PJSUA_CALL_MEDIA_ACTIVE for status, _ in states)
        held = any(status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD for status, _ in states)
        tell(event="media", call=self.name, active=active, held=held)

    def speak(self, media: Any) -> None:
        """Connect the tone and the recorder to the call."""
        if self.recorder is None:
            self.recorder = pj.AudioMediaRecorder()
            self.recorder.createRecorder(str(self.file))
        self.media = media
        self.phone.tone.startTransmit(media)
        media.startTransmit(self.recorder)

    def silence(self) -> None:
        """Let go of everything that PJSIP would assert about."""
        self.media = None
        self.recorder = None

    def onCallTransferStatus(self, prm: Any) -> None:  # noqa: N802
        """A transfer that we asked for goes on."""
        tell(
            event="transfer",
            call=self.name,
            code=prm.statusCode,
            reason=prm.reason,
            final=prm.finalNotify,
        )
        if prm.finalNotify:
            prm.cont = False
            # As phones do: who has handed a call over leaves it.
            if prm.statusCode == 200 and self.isActive():
                self.hangup(pj.CallOpParam())

    def onCallTransferRequest(self, prm: Any) -> None:  # noqa: N802
        """We are being transferred: the new call needs an object of ours."""
        call = Call(self.phone)
        self.phone.calls[call.name] = call
        prm.newCall = call
        tell(event="transferred", call=self.name, new=call.name, to=prm.dstUri)

    def onCallReplaceRequest(self, prm: Any) -> None:  # noqa: N802
        """Somebody takes the place of our peer."""
        tell(event="replace", call=self.name)

    def onCallReplaced(self, prm: Any) -> None:  # noqa: N802
        """Our call went on as another one."""
        call = Call(self.phone, prm.newCallId)
        self.phone.calls[call.name] = call
        prm.newCall = call
        tell(event="replaced", call=self.name, new=call.name)

    def onDtmfDigit(self, prm: Any) -> None:  # noqa: N802
        """The peer pressed a key."""
        tell(event="digit", call=self.name, digit=prm.digit)


class Account(pj.Account):  # type: ignore[misc]
    """The phone's one account."""

    def __init__(self, phone: Phone) -> None:
        super().__init__()
        self.phone = phone

    def onRegState(self, prm: Any) -> None:  # noqa: N802
        """A REGISTER was answered or failed."""
        tell(
            event="registration",
            code=prm.code,
            reason=prm.reason,
            active=self.getInfo().regIsActive,
            expires=prm.expiration,
        )

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802
        """Somebody calls."""
        call = Call(self.phone, prm.callId)
        self.phone.calls[call.name] = call
        info = call.getInfo()
        headers = [
            line
            for line in prm.rdata.wholeMsg.split("\r\n\r\n")[0].split("\r\n")
            if line and not line.lower().startswith("authorization")
        ]
        tell(
            event="incoming",
            call=call.name,
            peer=info.remoteUri,
            sip=info.callIdString,
            headers=headers,
        )
        self.phone.greet(call)

    def onMwiInfo(self, prm: Any) -> None:  # noqa: N802
        """The message lamp."""
        tell(event="mwi", body=prm.rdata.wholeMsg.split("\r\n\r\n", 1)[-1])

    def onInstantMessage(self, prm: Any) -> None:  # noqa: N802
        """A text came."""
        tell(event="message", peer=prm.fromUri, body=prm.msgBody)


class Phone:
    """The endpoint, its account, its calls, and the loop that serves them."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.folder = Path(settings["folder"])
        self.calls: dict[int, Call] = {}
        self.calls_made = 0
        self.ended: list[Call] = []
        self.answer_code: int | None = 200 if settings.get("answer") else 180
        self.redirect: str | None = None
        self.running = True
        self.ep = pj.Endpoint()
        self.ep.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.userAgent = "lab pjsua"
        config.logConfig.level = 5 if settings.get("debug") else 3
        config.logConfig.consoleLevel = 0
        config.logConfig.filename = str(self.folder / "log")
        config.medConfig.clockRate = RATE
        config.medConfig.sndClockRate = RATE
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        config.medConfig.threadCnt = 1
        self.ep.libInit(config)
        self.make_transport()
        self.ep.audDevManager().setNullDev()
        self.ep.libStart()
        for codec in self.ep.codecEnum2():
            if not codec.codecId.startswith(("PCMU", "PCMA")):
                self.ep.codecSetPriority(codec.codecId, 0)
        self.tone = pj.ToneGenerator()
        self.tone.createToneGenerator(RATE)
        self.sing(settings["tone"])
        self.account = Account(self)
        self.account.create(self.account_config())

    def make_transport(self) -> None:
        """Listen on the phone's own address, by the transport asked for."""
        config = pj.TransportConfig()
        config.boundAddress = self.settings["ip"]
        config.publicAddress = self.settings["ip"]
        config.port = self.settings.get("port", 0)
        kind = self.settings["transport"]
        if kind == "tls":
            if self.settings.get("ca"):
                config.tlsConfig.CaListFile = self.settings["ca"]
                config.tlsConfig.verifyServer = True
        self.transport = self.ep.transportCreate(TRANSPORTS[kind], config)

    def account_config(self) -> Any:
        """Translate the settings to PJSIP's."""
        s = self.settings
        config = pj.AccountConfig()
        config.idUri = s["id"]
        config.regConfig.registrarUri = s.get("registrar") or ""
        config.regConfig.registerOnAdd = False
        config.regConfig.timeoutSec = s.get("expires", 120)
        config.regConfig.retryIntervalSec = s.get("retry", 0)
        config.regConfig.firstRetryIntervalSec = s.get("retry", 0)
        if s.get("password"):
            config.sipConfig.authCreds.append(
                pj.AuthCredInfo("digest", "*", s["user"], 0, s["password"])
            )
        if s.get("proxy"):
            config.sipConfig.proxies.append(s["proxy"])
        config.sipConfig.transportId = self.transport
        config.mediaConfig.transportConfig.boundAddress = s["ip"]
        config.mediaConfig.transportConfig.publicAddress = s["ip"]
        config.mediaConfig.transportConfig.port = s.get("rtp", 4000)
        config.mediaConfig.transportConfig.portRange = 400
        # PJSIP's UPDATE after an answer with two codecs makes Asterisk's local bridge forget that
        # a call is on hold (it mixes music and the holder's silence): only where asked for.
        config.mediaConfig.lockCodecEnabled = s.get("update", False)
        config.callConfig.prackUse = pj.PJSUA_100REL_OPTIONAL
        config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
        config.natConfig.contactRewriteUse = s.get("rewrite", 0)
        config.natConfig.viaRewriteUse = s.get("rewrite", 0)
        config.natConfig.sipOutboundUse = s.get("outbound", 0)
        config.natConfig.udpKaIntervalSec = 0
        return config

    def greet(self, call: Call) -> None:
        """Do with a new incoming call what the phone was told to do."""
        prm = pj.CallOpParam()
        if self.redirect:
            prm.statusCode = 302
            prm.options = 0
            header = pj.SipHeader()
            header.hName = "Contact"
            header.hValue = self.redirect
            prm.txOption.headers.append(header)
            call.hangup(prm)
            return
        if self.answer_code is None:
            return
        prm.statusCode = self.answer_code
        if self.answer_code >= 300:
            call.hangup(prm)
        else:
            if self.answer_code == 200 and self.settings.get("ring_first"):
                ringing = pj.CallOpParam()
                ringing.statusCode = 180
                call.answer(ringing)
            call.answer(prm)

    def sing(self, frequency: int) -> None:
        """Speak with this tone from now on."""
        self.tone.stop()
        tone = pj.ToneDesc()
        tone.freq1, tone.freq2, tone.on_msec, tone.off_msec = frequency, 0, 1000, 0
        tone.volume = 12000
        tones = pj.ToneDescVector()
        tones.append(tone)
        self.tone.play(tones, True)

    # ---- commands: the same words as in pjsua.py -------------------------------------------

    def do_register(self, on: bool = True) -> None:
        self.account.setRegistration(on)

    def do_call(
        self, uri: str, headers: dict[str, str] | None = None, offerless: bool = False
    ) -> dict[str, Any]:
        call = Call(self)
        self.calls[call.name] = call
        prm = pj.CallOpParam(True)
        if offerless:
            prm.opt.audioCount = 0
            prm.opt.flag |= pj.PJSUA_CALL_NO_SDP_OFFER
            prm.opt.audioCount = 1
        for name, value in (headers or {}).items():
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            prm.txOption.headers.append(header)
        call.makeCall(uri, prm)
        return {"call": call.name, "sip": call.getInfo().callIdString, "file": str(call.file)}

    def do_policy(self, answer: int | None = None, redirect: str | None = None) -> None:
        self.answer_code, self.redirect = answer, redirect

    def do_answer(self, call: int, code: int = 200) -> None:
        prm = pj.CallOpParam()
        prm.statusCode = code
        self.calls[call].answer(prm)

    def do_hangup(self, call: int, code: int = 0) -> None:
        prm = pj.CallOpParam()
        prm.statusCode = code
        self.calls[call].hangup(prm)

    def do_hold(self, call: int) -> None:
        self.calls[call].setHold(pj.CallOpParam(True))

    def do_resume(self, call: int) -> None:
        prm = pj.CallOpParam(True)
        prm.opt.flag = pj.PJSUA_CALL_UNHOLD
        self.calls[call].reinvite(prm)

    def do_reinvite(self, call: int, offerless: bool = False) -> None:
        prm = pj.CallOpParam(True)
        if offerless:
            prm.opt.flag |= pj.PJSUA_CALL_NO_SDP_OFFER
        self.calls[call].reinvite(prm)

    def do_transfer(self, call: int, to: str) -> None:
        self.calls[call].xfer(to, pj.CallOpParam(True))

    def do_attended(self, call: int, to: int) -> None:
        self.calls[call].xferReplaces(self.calls[to], pj.CallOpParam(True))

    def do_digits(self, call: int, digits: str) -> None:
        self.calls[call].dialDtmf(digits)

    def do_sing(self, frequency: int) -> None:
        self.sing(frequency)

    def do_state(self, call: int) -> dict[str, Any]:
        info = self.calls[call].getInfo()
        return {"state": info.stateText, "code": info.lastStatusCode, "peer": info.remoteUri}

    def do_quit(self) -> None:
        self.running = False

    # ---- the loop --------------------------------------------------------------------------

    def obey(self, line: str) -> None:
        """Carry out one command and say how it went."""
        command = json.loads(line)
        number, name = command.pop("id"), command.pop("do")
        action: Callable[..., dict[str, Any] | None] = getattr(self, "do_" + name)
        try:
            tell(id=number, ok=True, result=action(**command) or {})
        except (pj.Error, KeyError, TypeError) as error:
            tell(id=number, ok=False, error=text(error) or repr(error))

    def serve(self) -> None:
        """Serve commands and SIP until told to quit, or until the test is gone."""
        tell(event="ready")
        left = b""
        while self.running:
            self.ep.libHandleEvents(5)
            while self.ended:
                call = self.ended.pop()
                self.calls.pop(call.name, None)
            if not select.select([0], [], [], 0)[0]:
                continue
            data = os.read(0, 65536)
            if not data:
                break
            *lines, left = (left + data).split(b"\n")
            for line in lines:
                self.obey(line.decode())

    def end(self) -> None:
        """Leave as PJSIP wants it: calls first, then sound, then the endpoint."""
        for call in list(self.calls.values()):
            try:
                call.hangup(pj.CallOpParam())
            except pj.Error:
                pass
        for _ in range(100):
            if not self.calls:
                break
            self.ep.libHandleEvents(5)
            while self.ended:
                self.calls.pop(self.ended.pop().name, None)
        # Everything that matters is written; PJSIP's tear-down asserts on the least leftover.
        os._exit(0)


if __name__ == "__main__":
    phone = Phone(json.loads(sys.argv[1]))
    try:
        phone.serve()
    finally:
        phone.end()

"""The words of ``python -m probes``: what can be asked, and how each question is written."""

from __future__ import annotations

import argparse
from pathlib import Path

from probes import ami, call, command, esl, http, options, register, sql, tcp, tls
from probes.sipp.agent import scenario_names

TEXT = "Ask one node one question, and say what the answer means."

TEACH = """\
what each one proves:
  options    SIP is answered; to a health extension: the dialplan is there (200, 404, 503 told apart)
  register   a phone can register: digest, and the 200 has our own Contact
  call       a call can be made: INVITE, audio both ways, the tone recognised
  tcp tls    a port is open; a handshake works, and the certificate lasts
  http ari ami esl   the PBX's own interfaces let us in and answer
  sql        the database answers; primary or replica, and how far behind
  command    whatever your own monitoring plug-in asks
  sipp       run one of our SIPp scenarios (load, odd callers)

from the shallow to the deep, on one Asterisk:
  python -m probes options  sip:10.0.0.11
  python -m probes options  sip:health@10.0.0.11
  python -m probes register sip:10.0.0.11 --user probe-account --password-file probe.secret
  python -m probes call     sip:echo@10.0.0.11 --local 10.0.0.10
  python -m probes call     sip:601@10.0.0.11 --hear 1004

exit codes: 0 good; 1 bad, or no answer; 2 wrong usage, or it could not be asked.
With --plugin, as monitoring plug-ins have them: 0 OK, 2 CRITICAL, 3 UNKNOWN.
A node that is merely busy (503, 486) says nothing about the question: "unknown".
Passwords stand in files, so that no list of processes shows them.
"""


def parser() -> argparse.ArgumentParser:
    """The parser; ``run`` in what it returns is ``ask`` or ``sipp``, ``kind`` the probe."""
    made = argparse.ArgumentParser(
        prog="python -m probes",
        description=TEXT,
        epilog=TEACH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = made.add_subparsers(required=True, metavar="PROBE", dest="kind")
    _sip(kinds)
    _ports(kinds)
    _interfaces(kinds)
    _sql(kinds)

    own = _probe(kinds, "command", "run a command with the exit codes of monitoring plug-ins", 10.0)
    own.add_argument("words", nargs=argparse.REMAINDER, help="the command and its arguments")
    own.set_defaults(timeout=command.TIMEOUT)
    _sipp(kinds)
    return made


_Kinds = argparse._SubParsersAction


def _probe(
    kinds: _Kinds[argparse.ArgumentParser], name: str, text: str, timeout: float
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = kinds.add_parser(name, help=text, description=text)
    made.add_argument("--timeout", type=float, default=timeout, metavar="S")
    form = made.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument("--plugin", action="store_true", help="print and exit as monitoring plug-ins")
    made.set_defaults(run="ask")
    return made


def _local(made: argparse.ArgumentParser) -> None:
    made.add_argument("--local", metavar="HOST", help="ask from this address")


def _login(made: argparse.ArgumentParser, *, needed: bool) -> None:
    made.add_argument("--user", required=needed, help="the account of the probe")
    made.add_argument(
        "--password-file", type=Path, required=needed, metavar="FILE", help="first line: password"
    )


def _trust(made: argparse.ArgumentParser) -> None:
    made.add_argument("--authorities", type=Path, metavar="PEM", help="instead of the system's")
    made.add_argument("--insecure", action="store_true", help="any certificate will do")


def _sip(kinds: _Kinds[argparse.ArgumentParser]) -> None:
    where = "sip:[EXTENSION@]HOST[:PORT][;transport=tcp|tls]"
    ask = _probe(kinds, "options", "one OPTIONS: is it answered, and what does it mean", 2.0)
    ask.set_defaults(timeout=options.TIMEOUT)
    ask.add_argument("--any", action="store_true", help="every answer is fine, not only 2xx")
    enter = _probe(kinds, "register", "register a probe account, and see whether it is kept", 2.0)
    enter.set_defaults(timeout=register.TIMEOUT)
    _login(enter, needed=True)
    speak = _probe(kinds, "call", "call a test extension and listen", 2.0)
    speak.set_defaults(timeout=call.TIMEOUT)
    _login(speak, needed=False)
    speak.add_argument(
        "--hear", type=_hear, default="echo", metavar="echo|HZ", help="echo, or the tone in hertz"
    )
    speak.add_argument("--audio", type=float, default=call.AUDIO, metavar="S", help="how long")
    speak.add_argument(
        "--max-loss", type=float, default=call.MAX_LOSS, metavar="PART", help="0 to 1, each way"
    )
    for made in (ask, enter, speak):
        made.add_argument("target", help=where)
        _local(made)
        _trust(made)


def _ports(kinds: _Kinds[argparse.ArgumentParser]) -> None:
    port = _probe(kinds, "tcp", "does anybody listen", tcp.TIMEOUT)
    shake = _probe(kinds, "tls", "does the handshake work, and how long for", tls.TIMEOUT)
    shake.add_argument("--name", help="what the certificate must be for (default: HOST)")
    shake.add_argument("--days", type=float, default=tls.DAYS, help="bad when fewer are left")
    _trust(shake)
    for made in (port, shake):
        made.add_argument("address", type=address_of, metavar="HOST:PORT")
        _local(made)


def _interfaces(kinds: _Kinds[argparse.ArgumentParser]) -> None:
    get = _probe(kinds, "http", "GET a page", http.TIMEOUT)
    get.add_argument("--expect", type=int, action="append", metavar="STATUS", help="default: 200")
    get.add_argument("--contains", default="", metavar="TEXT", help="must stand in the answer")
    _login(get, needed=False)
    rest = _probe(kinds, "ari", "log in to Asterisk's REST interface and ping it", http.TIMEOUT)
    _login(rest, needed=True)
    for made in (get, rest):
        made.add_argument("url")
        _trust(made)
    manager = _probe(kinds, "ami", "log in to Asterisk's manager, ask, log out", ami.TIMEOUT)
    manager.add_argument("address", type=_with_port(ami.PORT), metavar="HOST[:PORT]")
    _login(manager, needed=True)
    event = _probe(kinds, "esl", "log in to FreeSWITCH's event socket, ask, log out", esl.TIMEOUT)
    event.add_argument("address", type=_with_port(esl.PORT), metavar="HOST[:PORT]")
    event.add_argument("--password-file", type=Path, required=True, metavar="FILE")
    for made in (get, rest, manager, event):
        _local(made)


def _sql(kinds: _Kinds[argparse.ArgumentParser]) -> None:
    made = _probe(kinds, "sql", "is the database primary or replica, and how far behind", 3.0)
    made.set_defaults(timeout=sql.TIMEOUT)
    made.add_argument("address", type=address_of, metavar="HOST[:PORT]")
    made.add_argument("--database-kind", choices=sql.KINDS, default=sql.KINDS[0])
    made.add_argument("--user", required=True)
    made.add_argument("--password-file", type=Path, metavar="FILE")
    made.add_argument("--database", default="", metavar="NAME")
    made.add_argument("--role", choices=sql.ROLES, default="any", help="what it must be")
    made.add_argument("--max-lag", type=float, default=sql.MAX_LAG, metavar="S")


def _sipp(kinds: _Kinds[argparse.ArgumentParser]) -> None:
    load = kinds.add_parser("sipp", help="run one of our SIPp scenarios ('sipp list' names them)")
    load.add_argument("scenario", help=f"{', '.join(scenario_names())}, or list, or FILE.xml")
    load.add_argument("--to", type=address_of, metavar="HOST[:PORT]", help="whom to call")
    load.add_argument("--via", type=address_of, metavar="HOST[:PORT]", help="send packets there")
    load.add_argument(
        "--local", type=address_of, metavar="HOST[:PORT]", default=("127.0.0.1", None)
    )
    load.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    load.add_argument("--user", default="service", help="the extension to call")
    load.add_argument("--caller", default="sipp", help="the user in From")
    load.add_argument("--domain", help="the host in From, To and Request-URI")
    load.add_argument("--auth", metavar="USER:PASSWORD")
    load.add_argument("--calls", type=int, metavar="N", help="default: 1; a server: no end")
    load.add_argument("--rate", type=float, default=10.0, metavar="N", help="new calls a second")
    load.add_argument("--length", type=int, default=0, metavar="MS", help="how long a call lasts")
    load.add_argument("--ring", type=int, default=0, metavar="MS", help="from 180 to 200")
    load.add_argument("--timeout", type=int, metavar="S", help="end the whole run then")
    load.add_argument("--timings", action="store_true", help="when each call was set up")
    load.add_argument("--json", action="store_true")
    load.set_defaults(run="sipp")


def address_of(text: str) -> tuple[str, int | None]:
    """``host``, ``host:port`` or ``[v6]:port``; raises argparse's error."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (text.count(":") > 1 and not text.startswith("[")):
        return text.strip("[]"), None
    if not port.isdigit() or not 0 < int(port) < 65_536:
        raise argparse.ArgumentTypeError(f"{text}: the port is a number from 1 to 65535")
    return host.strip("[]"), int(port)


def _with_port(usual: int):  # type: ignore[no-untyped-def]  # argparse wants any callable
    def read(text: str) -> tuple[str, int]:
        host, port = address_of(text)
        return host, port or usual

    return read


def _hear(text: str) -> str | int:
    if text == "echo":
        return text
    if not text.isdigit() or not 50 <= int(text) <= 3900:
        raise argparse.ArgumentTypeError("echo, or hertz from 50 to 3900")
    return int(text)

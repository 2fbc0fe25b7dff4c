"""What is secret in a message, made unreadable: for people who look at messages of others.

Each octet of a secret becomes an asterisk, so that every length stays what it was (Content-Length
too) and a masked message is read like the one that was sent.  Works on octets that may be no SIP at
all, and never fails.

Secret are: credentials of every scheme but Digest (whose response tells no password; RFC 8760),
header fields that are named after a password or a key, the password in a URI (RFC 3261 19.1.1),
keys of media in SDP (RFC 4568, RFC 4567, RFC 8839 5.4, RFC 2327 6), and digits that somebody
dials in a call (INFO with DTMF: the PIN of a mailbox).

Anything of sipfront may import it.
"""

from __future__ import annotations

import re

#: A value and its folded lines (RFC 3261 7.3.1).
_VALUE = rb"((?:[^\r\n]++|\r?\n[ \t]|\r(?!\n))*+)"
_CREDENTIALS = re.compile(rb"(?im)^((?:proxy-)?authorization[ \t]*:)" + _VALUE)
#: The scheme, and what follows it.
_SCHEME = re.compile(rb"([ \t\r\n]*[!#-'*+.0-9A-Z^-z|~-]+)([ \t\r\n]+.*)?\Z", re.DOTALL)
_NAMED = re.compile(
    rb"(?im)^([^\r\n: \t]{0,64}?(?:passw|passphrase|secret|api-?key|private-?key|cookie)"
    rb"[^\r\n: \t]{0,64}+[ \t]*:)" + _VALUE
)
#: user:password@; a password has no blank, ``<``, ``>`` or ``"`` (RFC 3261 25.1).  What is repeated is
#: bounded, so that no message takes longer than its length deserves.
_PASSWORD = re.compile(rb"(?i)(\bsips?:[^\s@:;?<>\"]{0,128}+:)([^\s@<>\"]{1,128}+)(?=@)")
_SDP = (
    re.compile(rb"(?im)^(a=crypto:.*?\binline:)([^\r\n]*)"),
    re.compile(rb"(?im)^(a=key-mgmt:[^\r\n \t]*[ \t])([^\r\n]*)"),
    re.compile(rb"(?im)^(a=ice-pwd:)([^\r\n]*)"),
    re.compile(rb"(?im)^(k=)([^\r\n]*)"),
)
#: application/dtmf-relay and vnd.nortelnetworks.digits; a body of application/dtmf is one digit.
_DIGITS = re.compile(rb"(?im)^((?:signal|d)[ \t]*=[ \t]*)([^\r\n]*)")
_DTMF = re.compile(rb"(?im)^(?:content-type|c)[ \t]*:[ \t\r\n]*application/([a-z0-9.-]*)")
_DIGIT_TYPES = (b"dtmf-relay", b"vnd.nortelnetworks.digits", b"dtmf")
_KEPT = re.compile(rb"[^\r\n]")


def masked(data: bytes) -> bytes:
    """``data`` with asterisks in the place of what is secret; as long as before."""
    # Where head and body part is uncertain in octets that are no SIP: everything is looked for
    # everywhere.
    data = _CREDENTIALS.sub(_credentials, data)
    data = _NAMED.sub(_second, data)
    data = _PASSWORD.sub(_second, data)
    for attribute in _SDP:
        data = attribute.sub(_second, data)
    kind = _DTMF.search(data)
    if kind is not None and kind[1].lower() in _DIGIT_TYPES:
        head, blank, body = data.partition(b"\r\n\r\n")
        body = _KEPT.sub(b"*", body) if kind[1].lower() == b"dtmf" else _DIGITS.sub(_second, body)
        data = head + blank + body
    return data


def _stars(octets: bytes) -> bytes:
    """Asterisks; line ends stay, so that a folded header stays one."""
    return re.sub(rb"[^\r\n \t]", b"*", octets)


def _second(found: re.Match[bytes]) -> bytes:
    return found[1] + _stars(found[2])


def _credentials(found: re.Match[bytes]) -> bytes:
    """Digest stays as it is; of any other scheme the name does."""
    parts = _SCHEME.match(found[2])
    if parts is None:
        return found[1] + _stars(found[2])
    if parts[1].strip().lower() == b"digest":
        return found[0]
    # A scheme alone may be the secret itself, written without one.
    return found[1] + (parts[1] + _stars(parts[2]) if parts[2] else _stars(parts[1]))

"""Header names as small integers (RFC 3261 section 20 and the extensions that a front must know).

A name that is not here is :data:`OTHER`: it passes byte for byte.
"""

from __future__ import annotations

OTHER = 0
VIA = 1
ROUTE = 2
RECORD_ROUTE = 3
FROM = 4
TO = 5
CALL_ID = 6
CSEQ = 7
CONTACT = 8
MAX_FORWARDS = 9
CONTENT_LENGTH = 10
CONTENT_TYPE = 11
EXPIRES = 12
PROXY_REQUIRE = 13
REQUIRE = 14
SUPPORTED = 15
AUTHORIZATION = 16
PROXY_AUTHORIZATION = 17
WWW_AUTHENTICATE = 18
PROXY_AUTHENTICATE = 19
PATH = 20
SERVICE_ROUTE = 21
REPLACES = 22
REFER_TO = 23
REFERRED_BY = 24
JOIN = 25
TARGET_DIALOG = 26
RETRY_AFTER = 27
REASON = 28
MIN_EXPIRES = 29
RACK = 30
RSEQ = 31
EVENT = 32
SUBSCRIPTION_STATE = 33
P_ASSERTED_IDENTITY = 34
REMOTE_PARTY_ID = 35
DIVERSION = 36
CALL_INFO = 37
ALERT_INFO = 38
WARNING = 39
SESSION_EXPIRES = 40
ALLOW = 41
TIMESTAMP = 42
USER_AGENT = 43
#: every header whose name begins with ``X-Sipfront-``: ours alone (design: message rules)
OURS = 44
P_PREFERRED_IDENTITY = 45
HISTORY_INFO = 46
REPLY_TO = 47
ERROR_INFO = 48
COUNT = 49

_NAMES: dict[int, bytes] = {
    VIA: b"Via",
    ROUTE: b"Route",
    RECORD_ROUTE: b"Record-Route",
    FROM: b"From",
    TO: b"To",
    CALL_ID: b"Call-ID",
    CSEQ: b"CSeq",
    CONTACT: b"Contact",
    MAX_FORWARDS: b"Max-Forwards",
    CONTENT_LENGTH: b"Content-Length",
    CONTENT_TYPE: b"Content-Type",
    EXPIRES: b"Expires",
    PROXY_REQUIRE: b"Proxy-Require",
    REQUIRE: b"Require",
    SUPPORTED: b"Supported",
    AUTHORIZATION: b"Authorization",
    PROXY_AUTHORIZATION: b"Proxy-Authorization",
    WWW_AUTHENTICATE: b"WWW-Authenticate",
    PROXY_AUTHENTICATE: b"Proxy-Authenticate",
    PATH: b"Path",
    SERVICE_ROUTE: b"Service-Route",
    REPLACES: b"Replaces",
    REFER_TO: b"Refer-To",
    REFERRED_BY: b"Referred-By",
    JOIN: b"Join",
    TARGET_DIALOG: b"Target-Dialog",
    RETRY_AFTER: b"Retry-After",
    REASON: b"Reason",
    MIN_EXPIRES: b"Min-Expires",
    RACK: b"RAck",
    RSEQ: b"RSeq",
    EVENT: b"Event",
    SUBSCRIPTION_STATE: b"Subscription-State",
    P_ASSERTED_IDENTITY: b"P-Asserted-Identity",
    REMOTE_PARTY_ID: b"Remote-Party-ID",
    DIVERSION: b"Diversion",
    CALL_INFO: b"Call-Info",
    ALERT_INFO: b"Alert-Info",
    WARNING: b"Warning",
    SESSION_EXPIRES: b"Session-Expires",
    ALLOW: b"Allow",
    TIMESTAMP: b"Timestamp",
    USER_AGENT: b"User-Agent",
    OURS: b"X-Sipfront-",
    P_PREFERRED_IDENTITY: b"P-Preferred-Identity",
    HISTORY_INFO: b"History-Info",
    REPLY_TO: b"Reply-To",
    ERROR_INFO: b"Error-Info",
}

#: Compact forms: RFC 3261 7.3.3 and 20, RFC 3515, 3892, 4028, 6665.
_COMPACT: dict[bytes, int] = {
    b"v": VIA,
    b"f": FROM,
    b"t": TO,
    b"i": CALL_ID,
    b"m": CONTACT,
    b"l": CONTENT_LENGTH,
    b"c": CONTENT_TYPE,
    b"k": SUPPORTED,
    b"r": REFER_TO,
    b"b": REFERRED_BY,
    b"o": EVENT,
    b"x": SESSION_EXPIRES,
}

#: The prefix, in lower case, of the headers that only we may write.
OURS_PREFIX = b"x-sipfront-"

#: Lower-case name -> id.
IDS: dict[bytes, int] = {name.lower(): hid for hid, name in _NAMES.items() if hid != OURS}
IDS.update(_COMPACT)

#: The spellings that real senders use, so that most names are found without ``lower()``.
SPELLINGS: dict[bytes, int] = dict(IDS)
SPELLINGS.update({name: hid for hid, name in _NAMES.items() if hid != OURS})
SPELLINGS.update({form.upper(): hid for form, hid in _COMPACT.items()})
SPELLINGS.update({b"CSEQ": CSEQ, b"Call-Id": CALL_ID})

#: Headers that may stand only once (RFC 3261 7.3.1: all that are not lists; those that matter here).
SINGLE = frozenset(
    (
        FROM,
        TO,
        CALL_ID,
        CSEQ,
        MAX_FORWARDS,
        CONTENT_LENGTH,
        CONTENT_TYPE,
        EXPIRES,
        REFER_TO,
        REPLACES,
        RACK,
        RSEQ,
        EVENT,
    )
)


def name(hid: int) -> bytes:
    """The name as it is written on the wire."""
    return _NAMES[hid]

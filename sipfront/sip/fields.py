"""Where the header fields of a message stand, for messages as nearly everybody writes them.

One rule in two readings: by line, with the methods of bytes, which is what an interpreter does
fastest; and octet by octet, which is what a compiler does fastest.  They agree on every message
(a test holds that).  Anything unusual (folded lines, line ends of one octet, repeated fields that
may stand only once) is left to the careful reading in :mod:`sipfront.sip.message`, which alone
knows what to say about it.  For that module only.
"""

from __future__ import annotations

from sipfront.sip.headers import IDS, OTHER, OURS, OURS_PREFIX, SINGLE, SPELLINGS
from sipfront.sip.params import TOKEN

#: One header field: (id, start of the name, start of the value, end of the value, start of the next).
Field = tuple[int, int, int, int, int]
#: Whether this module runs compiled.
COMPILED = not __file__.endswith(".py")
#: Header fields in one message; RFC 4475 3.1.1.7 has 34 Via lines, real ones have 15 fields.
MAX_FIELDS = 256

#: Offsets as Python's numbers, made once: a message seldom has more octets.
_NUMBERS = list(range(4096))
#: Length and both ends of a name -> a name like that and its id, for the compiler: no object is made
#: of a name that stands here.  Where two meet, the one with capitals stays, the other is looked up
#: as ever; with these factors nearly none of those with capitals meet.
_QUICK: list[tuple[bytes, int]] = [(b"", OTHER)] * 256
for _name, _hid in sorted(SPELLINGS.items(), reverse=True):
    _QUICK[(len(_name) * 4 + _name[0] * 23 + _name[-1] * 6) & 255] = (_name, _hid)

_TAB = 9
_LF = 10
_CR = 13
_SPACE = 32
_COLON = 58


def header_id(name: bytes) -> int:
    """The id of a name in any spelling, blanks behind it included; -1 for what is no name."""
    name = name.rstrip(b" \t").lower()
    hid = IDS.get(name, OTHER)
    if hid == OTHER:
        if not name.translate(TOKEN).isdigit():
            return -1
        if name.startswith(OURS_PREFIX):
            return OURS
    return hid


def by_line(data: bytes, at: int, fields: list[Field], first: list[int]) -> int:
    """Append the fields from ``at`` on; gives where the body starts, -1 for anything unusual.

    ``first`` says for each id which field is the first with it.
    """
    end = data.find(b"\r\n\r\n", at - 2)
    if end < at:
        return end + 4 if end >= 0 else -1
    lines = data[at:end].split(b"\r\n")
    count = len(lines)
    if count > MAX_FIELDS or data.count(b"\r", 0, end) != count:
        return -1
    if data.count(b"\n", 0, end) != count:
        return -1
    get = SPELLINGS.get
    append = fields.append
    for index, line in enumerate(lines):
        name, colon, value = line.partition(b": ")
        hid = get(name)
        if hid is None:
            name, colon, value = line.partition(b":")
            hid = header_id(name)
            if hid < 0 or not colon:
                return -1
            start = at + len(name) + 1
        elif colon:
            start = at + len(name) + 2
        else:
            return -1
        if first[hid] < 0:
            first[hid] = index
        elif hid in SINGLE:
            return -1
        after = stop = at + len(line)
        if not value or value[0] < 33 or value[-1] < 33:  # blanks are there, or nothing at all
            while start < stop and data[start] in b" \t":
                start += 1
            while stop > start and data[stop - 1] in b" \t":
                stop -= 1
        after += 2
        append((hid, at, start, stop, after))
        at = after
    return at + 2


def by_octet(data: bytes, at: int, fields: list[Field], first: list[int]) -> int:
    """The same, for the compiler: where a field ends the next one begins, one number for both."""
    octets = data
    size = len(data)
    place = 0
    while place < at - 2:
        if octets[place] == _CR or octets[place] == _LF:
            return -1  # in the start line
        place += 1
    count = 0
    numbers = _NUMBERS
    most = len(numbers)
    here = at
    while at + 1 < size:
        if octets[at] == _CR:
            return at + 2 if octets[at + 1] == _LF else -1
        place = at
        while place < size and octets[place] != _COLON:
            if octets[place] <= _CR and octets[place] >= _LF:
                return -1
            place += 1
        if place >= size or count >= MAX_FIELDS or place == at:
            return -1
        length = place - at
        quick = _QUICK[(length * 4 + octets[at] * 23 + octets[place - 1] * 6) & 255]
        name = quick[0]
        known = quick[1]
        letters = name
        same = 0
        if len(name) == length:
            while same < length and letters[same] == octets[at + same]:
                same += 1
        if same < length:
            name = octets[at:place]
            known = SPELLINGS.get(name, -1)
            if known < 0:
                known = header_id(name)
        hid = known
        if hid < 0:
            return -1
        if first[hid] < 0:
            first[hid] = count
        elif hid in SINGLE:
            return -1
        start = place + 1
        while start < size and (octets[start] == _SPACE or octets[start] == _TAB):
            start += 1
        place = start
        while place < size:
            if octets[place] <= _CR:
                if octets[place] == _CR:
                    break
                if octets[place] == _LF:
                    return -1
            place += 1
        if place + 1 >= size or octets[place + 1] != _LF:
            return -1
        stop = place
        while stop > start and (octets[stop - 1] == _SPACE or octets[stop - 1] == _TAB):
            stop -= 1
        at = place + 2
        if at < most:
            after = numbers[at]
            fields.append((known, here, numbers[start], numbers[stop], after))
        else:
            after = at
            fields.append((known, here, start, stop, after))
        here = after
        count += 1
    return -1


def usual(data: bytes, at: int, fields: list[Field], first: list[int]) -> int:
    """Locate the fields of a usual message, which start at ``at``.

    ``fields`` and ``first`` (id -> index) are filled.  Gives where the body starts, or -1 when the
    message is not a usual one; then both are empty again.
    """
    if COMPILED:
        body = by_octet(data, at, fields, first)
    else:
        body = by_line(data, at, fields, first)
    if body < 0:
        fields.clear()
        first[:] = [-1] * len(first)
    return body

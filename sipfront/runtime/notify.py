"""Telling systemd how we are (sd_notify(3)): a datagram to the socket named in $NOTIFY_SOCKET."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> bool:
    """Send ``READY=1``, ``STOPPING=1``, ``STATUS=...``; false when nobody listens, never an error."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return False
    if path.startswith("@"):
        path = "\0" + path[1:]  # the abstract namespace
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.sendto(state.encode(), path)
    except OSError:
        return False
    return True

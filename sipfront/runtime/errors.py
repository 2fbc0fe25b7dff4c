"""The errors of starting: what an administrator can put right.

::

    StartupError       one sentence; the command prints it and exits 2, never with a traceback
      PortInUse        another program has the port: perhaps the front before us, which is ending

Everything else that is raised here is a bug of ours and shows its traceback.
"""

from __future__ import annotations

import errno
import os


class StartupError(Exception):
    """The front cannot start; the text says in one sentence what is wrong and where."""


class PortInUse(StartupError):
    """A port is taken; whoever starts a front may wait a little for the one before it."""


def unbound(what: str, error: OSError) -> StartupError:
    """What is raised when a socket cannot be bound; ``what`` says which."""
    kind = PortInUse if error.errno == errno.EADDRINUSE else StartupError
    return kind(f"{what}: {plain(error)}")


#: What an administrator is told instead of the system's word, where ours is plainer.
_PLAIN = {
    errno.EADDRINUSE: "the port is in use by another program",
    errno.EADDRNOTAVAIL: "that is no address of this machine",
    errno.EACCES: "no right to do that (ports below 1024 need CAP_NET_BIND_SERVICE)",
    errno.EPERM: "no right to do that",
    errno.EAFNOSUPPORT: "this machine does not speak that address family",
    errno.ENOENT: "no such file",
    errno.EMFILE: "too many open files",
}


def plain(error: OSError, what: str = "") -> str:
    """The reason of ``error`` in words; ``what`` "file" keeps the hint about ports away."""
    if error.errno is None:
        return str(error) or type(error).__name__
    if error.errno == errno.EACCES and what == "file":
        return "no right to read it"
    return _PLAIN.get(error.errno) or os.strerror(error.errno)

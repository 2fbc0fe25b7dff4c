"""What a program uses: processor time and memory of all its processes, read from /proc (Linux).

Knows nothing of what the program does.  A program here is a session (``start_new_session``): its
first process and everything that this one started.
"""

from __future__ import annotations

import os
import platform
import re
import socket
import sys
from pathlib import Path

#: Seconds of a tick of /proc/PID/stat.
TICK = 1.0 / os.sysconf("SC_CLK_TCK")


def members(session: int) -> list[int]:
    """The processes of a session."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(int(name))
            if fields and int(fields[3]) == session:
                found.append(int(name))
    return found


def cpu(session: int) -> float:
    """Seconds of processor time, user and system, of all processes of a session so far.

    The scheduler's own account in nanoseconds where the kernel keeps one; it lacks only threads
    that ended.  Else ticks of 10 ms.
    """
    total = 0.0
    for pid in members(session):
        spent = _scheduled(pid)
        total += _ticks(pid) if spent is None else spent
    return total


def memory(session: int) -> int:
    """Octets of memory that all processes of a session have, shared pages in equal parts."""
    total = 0
    for pid in members(session):
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        if found := re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE):
            total += int(found[1]) * 1024
    return total


def resident() -> int:
    """Octets of this process's own memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def receive_drops() -> int:
    """Datagrams that the kernel dropped because a receive buffer was full, in all since boot."""
    for line in Path("/proc/net/snmp").read_text().splitlines():
        if line.startswith("Udp:") and line.split()[1].isdigit():
            return int(line.split()[5])
    return 0


def socket_drops(address: str) -> int:
    """Datagrams that the kernel dropped at the IPv4 sockets bound to an address, now open."""
    wanted = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}"
    total = 0
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].partition(":")[0] == wanted:
            total += int(fields[-1])
    return total


def machine() -> dict[str, str]:
    """What figures depend on: processor, cores, kernel, Python."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Processor", "CPU part"):
            model = value.strip()
            break
    return {
        "processor": model or platform.machine(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the program's name, which may hold anything."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _ticks(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * TICK if fields else 0.0


def _scheduled(pid: int) -> float | None:
    total = 0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return total / 1e9

"""Kamailio as a peer of speed: 6.1 from the lab's chroot, 5.6 from the packages of Debian 12.

One worker and one socket: with more it reorders 180 and 200 of a call now and then.  It relays
statefully with Record-Route to the first node that answers its pings, saves registrations in
memory and answers OPTIONS itself; with ``topoh`` it also hides what the front always hides.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from bench.subjects import PORT, Subject, SubjectError
from tests.lab import prepare
from tests.lab.asterisk import answers_options

if TYPE_CHECKING:
    from pathlib import Path

#: Megabytes shared by its processes, and of each one's own.
SHARED, OWN = 512, 32
#: Octets of its receive buffer: as large as the front's, where the system allows it.
BUFFER = 4 << 20

CONFIG = """#!KAMAILIO
children=1
tcp_children=1
log_stderror=yes
debug=0
udp4_raw=0
listen=udp:{address}:{port}
listen=tcp:{address}:{port}
alias="example.com"
mpath="{modules}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "dispatcher.so"
{hiding}
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "hash_size", 14)
modparam("dispatcher", "list_file", "{list}")
modparam("dispatcher", "ds_ping_method", "OPTIONS")
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_probing_mode", 1)

request_route {{
    if (!mf_process_maxfwd_header("20")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
        sl_send_reply("404", "Not Here");
        exit;
    }}
    t_check_trans();
    if (is_method("REGISTER")) {{ if (!save("location")) sl_reply_error(); exit; }}
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("INVITE")) record_route();
    if (!ds_select_dst("1", "8")) {{ sl_send_reply("503", "No Node"); exit; }}
    t_relay();
}}
"""
HIDING = """loadmodule "topoh.so"
modparam("topoh", "mask_key", "a key that nobody knows")
modparam("topoh", "mask_ip", "127.0.10.250")
"""
#: The chroot is not ours alone: everything is mounted in a namespace that ends with the process.
ENTER = (
    'mount --bind "$2" "$1/mnt" && mount -t proc proc "$1/proc" && root=$1 && shift 2 && '
    'exec chroot "$root" "$@"'
)


class Kamailio(Subject):
    """What both versions have in common."""

    number = ""
    speaks = frozenset({"udp", "tcp"})

    def __init__(self, folder: Path, address: str, *, hiding: bool) -> None:
        super().__init__(folder, address)
        self.hiding = hiding
        self.name = f"Kamailio {self.number}" + (", topoh" if hiding else ", plain")

    def write(self, modules: str, at: str) -> list[str]:
        """Write its files; the words of its command line. ``at``: its folder, as it sees it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(
            address=self.address,
            port=PORT,
            modules=modules,
            list=f"{at}/dispatcher.list",
            hiding=HIDING if self.hiding else "",
        )
        (self.folder / "kamailio.cfg").write_text(text)
        rows = (f"1 sip:{node}:{PORT} 0 {9 - n}\n" for n, node in enumerate(self.nodes))
        (self.folder / "dispatcher.list").write_text("".join(rows))
        words = ["-f", f"{at}/kamailio.cfg", "-DD", "-E", "-Y", at, "-P", f"{at}/pid"]
        return [*words, "-m", str(SHARED), "-M", str(OWN), "-b", str(BUFFER)]

    async def start(self) -> None:
        """Start it and wait until it answers."""
        await asyncio.to_thread(self.run)
        for _ in range(100):
            if await answers_options(self.address, limit=0.3):
                return
            assert self.process is not None
            if self.process.poll() is not None:
                break
            await asyncio.sleep(0.05)
        raise SubjectError(f"{self.name} did not start:\n{self.log_end()}")

    def run(self) -> None:
        """Launch it."""
        raise NotImplementedError


class KamailioNew(Kamailio):
    """The one of the lab's chroot."""

    number = "6.1"

    def run(self) -> None:
        """Launch it inside."""
        root = prepare.chroot_folder()
        modules = next(root.glob("usr/lib/*/kamailio/modules"), None)
        if modules is None or os.geteuid() != 0:
            raise SubjectError(
                f"no Kamailio in {root}: run `make lab`" if os.geteuid() == 0 else "it needs root"
            )
        self.version = prepare.stamp(prepare.lab_folder()).get("kamailio", "?")
        words = self.write(f"/{modules.relative_to(root)}/", "/mnt")
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh"]
        self.launch([*command, str(root), str(self.folder), "/usr/sbin/kamailio", *words])


class KamailioOld(Kamailio):
    """The one of Debian 12, unpacked beside the lab, not installed."""

    number = "5.6"

    def run(self) -> None:
        """Launch it from where it was unpacked."""
        root = unpacked()
        modules = next(root.glob("usr/lib/*/kamailio/modules"))
        libraries = f"{modules.parent}:{modules.parent.parent}"
        self.version = (root / "version").read_text().strip()
        words = self.write(f"{modules}/", str(self.folder))
        self.launch([str(root / "usr/sbin/kamailio"), *words], LD_LIBRARY_PATH=libraries)


def unpacked() -> Path:
    """Where Kamailio 5.6 is; it is brought there when it is not.  Raises SubjectError."""
    root = prepare.lab_folder() / "kamailio-5.6"
    if (root / "version").exists():
        return root
    policy = subprocess.run(
        ["apt-cache", "policy", "kamailio"], capture_output=True, text=True, check=False
    )
    found = re.search(r"Candidate: (5\.6\S*)", policy.stdout)
    if found is None:
        raise SubjectError("Kamailio 5.6 is a package of Debian 12, which this machine is not")
    if os.geteuid() != 0:
        raise SubjectError("Kamailio 5.6 is not there yet and only root may bring it")
    archives = root / "archives"
    shutil.rmtree(root, ignore_errors=True)
    archives.mkdir(parents=True)
    # Downloaded, not installed: an installed one would start as a service.
    command = ["apt-get", "install", "-y", "-qq", "--download-only", "--no-install-recommends"]
    command += ["-o", f"Dir::Cache::archives={archives}/", "kamailio"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    files = sorted(archives.glob("*.deb"))
    if done.returncode or not files:
        raise SubjectError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-300:]}")
    for file in files:
        subprocess.run(["dpkg", "-x", str(file), str(root)], check=True)
    shutil.rmtree(archives)
    (root / "version").write_text(found[1] + "\n")
    return root

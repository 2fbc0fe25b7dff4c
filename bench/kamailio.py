"""Kamailio in the front's place, as somebody who knows it well would set it up; for comparison.

tm gives up on a silent node after 0.5 s, a failure route then takes the other one, the dispatcher
asks both nodes every second and leaves one out as soon as one ping was not answered (its codes
must be named: a time-out counts as a 408, and ``class=4`` would take that for an answer).  One worker:
with more it reorders 180 and 200 of a call now and then.  It does not hide the nodes, it does not
keep registrations, it does not end calls of a dead node: only new calls are compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from typing import Any

from bench.lab import Lab
from bench.subjects import prefer_session
from tests.lab import prepare
from tests.lab.asterisk import answers_options

START = 15.0

CONFIG = """#!KAMAILIO
children=1
disable_tcp=yes
log_stderror=yes
debug=1
listen=udp:{address}:5060
listen=udp:{inside}
mpath="{modules}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "textopsx.so"
loadmodule "siputils.so"
loadmodule "maxfwd.so"
loadmodule "dispatcher.so"
modparam("tm", "fr_timer", 500)
modparam("tm", "fr_inv_timer", 120000)
modparam("tm", "retr_timer1", 100)
modparam("tm", "retr_timer2", 400)
modparam("rr", "enable_double_rr", 1)
modparam("dispatcher", "list_file", "/mnt/dispatcher.list")
modparam("dispatcher", "flags", 2)
modparam("dispatcher", "xavp_dst", "_dsdst_")
modparam("dispatcher", "ds_ping_method", "OPTIONS")
modparam("dispatcher", "ds_ping_from", "sip:probe@example.com")
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_probing_threshold", 1)
modparam("dispatcher", "ds_inactive_threshold", 1)
modparam("dispatcher", "ds_ping_reply_codes", "class=2;code=401;code=404")
modparam("dispatcher", "ds_default_socket", "udp:{inside}")

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
    if (is_method("INVITE")) record_route();
    if (ds_is_from_list("1")) {{
        if (is_present_hf("X-Sipfront-Trunk")) $ru = "sip:" + $rU + "@{carrier}:5060";
        else $ru = "sip:" + $rU + "@{phone}:5060";
        $fs = "udp:{address}:5060";
        t_relay();
        exit;
    }}
    if (is_method("OPTIONS|REGISTER")) {{ sl_send_reply("200", "OK"); exit; }}
    remove_hf_re("^X-Sipfront-");
    if ($si == "{carrier}") append_hf("X-Sipfront-Trunk: carrier\\r\\n");
    if (!ds_select_dst("1", "8")) {{ sl_send_reply("503", "No Node"); exit; }}
    $fs = "udp:{inside}";
    t_on_failure("OTHER");
    t_relay();
}}

failure_route[OTHER] {{
    if (t_is_canceled()) exit;
    if (t_check_status("500|503") || (t_branch_timeout() && !t_branch_replied())) {{
        if (ds_next_dst()) {{
            t_on_failure("OTHER");
            t_relay();
        }}
    }}
}}
"""


class Kamailio:
    """The process; the verbs of a front that a fault run uses."""

    NAME = "Kamailio"

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.folder = lab.folder / "kamailio"
        self.root = prepare.chroot_folder()
        self.process: subprocess.Popen[bytes] | None = None

    def write(self) -> None:
        """Write its files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        modules = next(self.root.glob("usr/lib/*/kamailio/modules"), None)
        if modules is None:
            raise RuntimeError(f"no Kamailio in {self.root}: run `make lab`")
        text = CONFIG.format(
            address=self.lab.address,
            inside=self.lab.inside,
            carrier=self.lab.carrier,
            phone=self.lab.phone,
            modules=f"/{modules.relative_to(self.root)}/",
        )
        (self.folder / "kamailio.cfg").write_text(text)
        # Priorities: the first node is used as long as its pings are answered.
        rows = [
            f"1 sip:{address}:5060 0 {20 - number}\n"
            for number, address in enumerate(self.lab.addresses.values())
        ]
        (self.folder / "dispatcher.list").write_text("".join(rows))

    async def start(self) -> float:
        """Start it and wait until it answers."""
        self.write()
        begun = time.monotonic()
        process = self._launch()
        while not await answers_options(self.lab.address, limit=0.3):
            if process.poll() is not None or time.monotonic() - begun > START:
                raise RuntimeError(f"Kamailio did not start:\n{self.log_end()}")
            await asyncio.sleep(0.05)
        return time.monotonic() - begun

    def _launch(self) -> subprocess.Popen[bytes]:
        script = (
            'mount --bind "$2" "$1/mnt" && mount -t proc proc "$1/proc" && exec chroot "$1" '
            "/usr/sbin/kamailio -f /mnt/kamailio.cfg -DD -E -Y /mnt -P /mnt/pid -m 64 -M 16"
        )
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation"]
        command += ["private", "sh", "-c", script, "sh", str(self.root), str(self.folder)]
        with (self.folder / "log").open("ab") as out:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "LANG": "C.UTF-8"},
            )
        # A session of its own would wait while the lab, which is another one, does not.
        prefer_session(self.process.pid)
        return self.process

    async def stop(self) -> int:
        """End it with its workers."""
        if self.process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.to_thread(self.process.wait, 5)
        except subprocess.TimeoutExpired:
            pass
        # Workers that outlived their parent are of its session, which is ours alone.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return 0

    async def status(self) -> dict[str, Any]:
        """The node that it prefers."""
        return {"active": next(iter(self.lab.addresses))}

    async def events(self) -> list[dict[str, Any]]:
        """It tells nothing that can be asked."""
        return []

    async def metrics(self) -> str:
        """None."""
        return ""

    def log_end(self, lines: int = 40) -> str:
        """The end of what it said."""
        file = self.folder / "log"
        text = file.read_text(errors="replace") if file.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class KamailioLab(Lab):
    """The same stage with Kamailio in the front's place."""

    def _make_front(self) -> Any:
        return Kamailio(self)

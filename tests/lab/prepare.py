"""Prepare the lab of real peers: Debian packages, a chroot with Asterisk and Kamailio, JsSIP.

``python3 tests/lab/prepare.py`` is a command of its own: it uses the standard library only, keeps
everything outside the repository (``SIPFRONT_LAB``, else ``~/.cache/sipfront-lab``), does nothing
when all is there, may be interrupted and started again, and says in words what it lacks.  Where
packages come from is read from the machine's own apt sources each time and written nowhere else.
It refuses to touch a directory that has something mounted below it.
"""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

#: What is asked of the machine itself: a program that must be found, and the package that has it.
TOOLS = {
    "sipp": "sip-tester",
    "baresip": "baresip-core",
    "ip": "iproute2",
    "nft": "nftables",
    "debootstrap": "debootstrap",
    "openssl": "openssl",
    "setpriv": "util-linux",
    "mariadbd": "mariadb-server-core",
    "my_print_defaults": "mariadb-client-core",
    "npm": "npm",
}
#: The same for what lies in a folder of its own: a pattern, and the package.
ASIDE = {"/usr/lib/postgresql/*/bin/postgres": "postgresql"}
#: Debian starts a database server right after its installation; the lab only wants the program.
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")
#: Debian's unstable suite, because the stable one has no Asterisk 22.
SUITE = "sid"
#: What the chroot is for.  A change of this line makes the chroot anew.
PACKAGES = ("asterisk", "kamailio")
#: The phone of browsers, of npm, and what makes one file for a page of it.
JSSIP = ("jssip@3.13.8", "esbuild@0.25.12")
#: How often debootstrap is tried: a mirror in the middle of its update fails for some minutes.
TRIES = 3
#: The directories below which programs of the administrator live, often missing in a user's PATH.
SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
DEFAULT_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Lacking(Exception):
    """Something is missing that this program may not or cannot bring; the text says what to do."""


def lab_folder() -> Path:
    """Return where the lab lives: ``SIPFRONT_LAB``, else a folder in the user's cache."""
    named = os.environ.get("SIPFRONT_LAB")
    return Path(named).expanduser().absolute() if named else Path.home() / ".cache/sipfront-lab"


def chroot_folder(lab: Path | None = None) -> Path:
    """Return the root directory in which ``asterisk`` and ``kamailio`` are installed."""
    return (lab or lab_folder()) / "chroot"


def stamp(lab: Path) -> dict[str, str]:
    """Return what the finished chroot was made of; empty while there is none."""
    file = chroot_folder(lab) / "sipfront-lab"
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)


def mounts_below(folder: Path) -> list[str]:
    """Return the mount points in and below ``folder``, the deepest first."""
    start = str(folder.resolve())
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split(" ")[4].replace("\\040", " ")
        if point == start or point.startswith(start + "/"):
            found.append(point)
    return sorted(found, key=len, reverse=True)


def remove(folder: Path) -> None:
    """Delete a half-made chroot, after unmounting what an interrupted debootstrap left in it."""
    if not folder.exists():
        return
    for point in mounts_below(folder):
        subprocess.run(["umount", point], check=False)
    left = mounts_below(folder)
    if left:
        raise Lacking(f"{folder} is not deleted: {', '.join(left)} is mounted and in use")
    shutil.rmtree(folder)


@contextmanager
def alone(lab: Path) -> Iterator[int]:
    """Hold the lab's lock: two preparations at once would ruin each other.

    Gives the lock's descriptor: a program that gets it holds the lock too, even when we are killed.
    """
    lab.mkdir(parents=True, exist_ok=True)
    with (lab / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another preparation of this lab is running; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


_held: dict[int, object] = {}
SO_NETNS_COOKIE = 71


def _namespace() -> int:
    """Return the number of this thread's network namespace, which has a loopback of its own.

    The kernel's cookie, because the number of the file in /proc is given again to later ones.
    """
    with socket.socket() as asking:
        try:
            cookie = asking.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)
        except OSError:
            return Path("/proc/thread-self/ns/net").stat().st_ino
    return int.from_bytes(cookie, sys.byteorder)


def occupy(lab: Path | None = None) -> None:
    """Have the lab's addresses for this process alone, until it ends; wait for another's end.

    The peers live at fixed addresses of loopback: two runs at once would talk to each other's.
    """
    space = _namespace()
    if space in _held:
        return
    folder = lab or lab_folder()
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / f"in-use-{space}").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another run uses the lab; waiting for its end")
        fcntl.flock(lock, fcntl.LOCK_EX)
    _held[space] = lock


def say(text: str) -> None:
    """Tell the user what goes on."""
    print(f"lab: {text}", flush=True)


def install_tools() -> None:
    """Bring the Debian packages that are missing, or say which."""
    path = os.environ.get("PATH", "") + ":" + SYSTEM_PATH
    lacking = {p for tool, p in TOOLS.items() if not shutil.which(tool, path=path)}
    lacking |= {package for pattern, package in ASIDE.items() if not glob.glob(pattern)}
    missing = sorted(lacking)
    if not missing:
        return
    line = "apt-get install -y --no-install-recommends " + " ".join(missing)
    if not shutil.which("apt-get"):
        raise Lacking(
            f"it needs these Debian packages: {' '.join(missing)}; there is no apt-get here"
        )
    if os.geteuid() != 0:
        raise Lacking(f"Debian packages are missing and only root may install them:\n  sudo {line}")
    say(f"installing {' '.join(missing)}")
    if "postgresql" in missing and not NO_CLUSTER.exists():
        NO_CLUSTER.parent.mkdir(exist_ok=True)
        NO_CLUSTER.write_text("create_main_cluster = false\n")
        line += " -o Dpkg::Options::=--force-confold"
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for command in (["apt-get", "update", "-qq"], [*line.split(), "-qq"]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-5:]
            raise Lacking(f"`{' '.join(command)}` failed:\n  " + "\n  ".join(last))


def mirror() -> str:
    """Return the archive that this machine's apt gets Debian itself from.

    Asked of apt, which knows all its file formats; security and foreign archives are passed over.
    """
    release = dict(
        line.split("=", 1)
        for line in Path("/etc/os-release").read_text().splitlines()
        if "=" in line
    )
    codename = release.get("VERSION_CODENAME", "").strip('"')
    form = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    command = ["apt-get", "indextargets", "--no-release-info", "--format", form]
    command.append("Created-By: Packages")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        uri, suite, component = line.split("|")
        if component == "main" and suite in (codename, "stable", "testing", "sid", "unstable"):
            if urlsplit(uri).scheme in ("http", "https"):
                return uri.rstrip("/")
    raise Lacking(f"no http(s) source with main of Debian {codename} in this machine's apt sources")


def keyring() -> Path:
    """Return the keys by which this machine trusts Debian's archive."""
    for file in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(":")
            named = Path(value.strip())
            if key.strip().lower() == "signed-by" and "debian" in named.name and named.is_file():
                return named
    if DEFAULT_KEYRING.is_file():
        return DEFAULT_KEYRING
    raise Lacking(
        "the keys of Debian's archive are missing: apt-get install debian-archive-keyring"
    )


def proxies() -> dict[str, str]:
    """Return the environment that makes debootstrap use the proxy which apt uses, if any."""
    found = {}
    for scheme in ("http", "https"):
        command = ["apt-config", "shell", "P", f"Acquire::{scheme}::Proxy"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        value = done.stdout.strip().removeprefix("P=").strip("'")
        if value and value != "DIRECT":
            found[f"{scheme}_proxy"] = value
    return found


def make_chroot(lab: Path, lock: int) -> None:
    """Make the chroot beside its final place and move it there when it is whole."""
    if os.geteuid() != 0:
        raise Lacking("the Asterisk chroot is missing and only root may make it")
    partial = lab / "chroot.partial"
    cache = lab / "packages"
    cache.mkdir(exist_ok=True)
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    command += [f"--keyring={keyring()}", f"--cache-dir={cache}", SUITE, str(partial), mirror()]
    log = lab / "debootstrap.log"
    environment = {**os.environ, **proxies(), "DEBIAN_FRONTEND": "noninteractive"}
    environment["PATH"] = environment.get("PATH", "") + ":" + SYSTEM_PATH
    for attempt in range(1, TRIES + 1):
        remove(partial)
        say(f"making a {SUITE} chroot with {' and '.join(PACKAGES)} (a minute or two, 600 MB)")
        with log.open("w") as out:
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                check=False,
            )
        if done.returncode == 0:
            break
        last = log.read_text(errors="replace").strip().splitlines()[-5:]
        say(f"debootstrap failed ({attempt} of {TRIES}):\n  " + "\n  ".join(last))
        if attempt < TRIES:
            time.sleep(15 * attempt)
    else:
        raise Lacking(f"the chroot could not be made; the whole story is in {log}")
    for point in mounts_below(partial):
        subprocess.run(["umount", point], check=True)
    (partial / "sipfront-lab").write_text("\n".join(describe(partial)) + "\n")
    final = chroot_folder(lab)
    remove(final)
    partial.rename(final)
    shutil.rmtree(cache)


def jssip(lab: Path | None = None) -> Path:
    """Return the file that a page loads to be a phone."""
    return (lab or lab_folder()) / "-".join(JSSIP).replace("@", "-") / "jssip.js"


def make_jssip(lab: Path) -> None:
    """Install JsSIP with the machine's own npm, and make one file of it."""
    final = jssip(lab).parent
    partial = lab / "jssip.partial"
    say("installing JsSIP")
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(partial)]
    bundle = ["node_modules/.bin/esbuild", "./node_modules/jssip", "--bundle", "--format=iife"]
    bundle += ["--global-name=JsSIP", "--log-level=error", "--outfile=jssip.js"]
    for attempt in range(1, TRIES + 1):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        done = subprocess.run([*install, *JSSIP], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
        if attempt < TRIES:
            time.sleep(15 * attempt)
    if done.returncode == 0:
        done = subprocess.run(bundle, cwd=partial, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise Lacking("JsSIP could not be made:\n  " + "\n  ".join(last))
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)


def describe(root: Path) -> list[str]:
    """Return what the stamp says: what was asked for, and which versions came."""
    form = "${Package}=${Version}\n"
    command = ["chroot", str(root), "dpkg-query", "-W", "-f", form, *PACKAGES]
    versions = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [f"suite={SUITE}", f"asked={','.join(PACKAGES)}", *versions.splitlines()]


def ready(lab: Path) -> bool:
    """Say whether the chroot is there and of today's recipe."""
    made = stamp(lab)
    return made.get("suite") == SUITE and made.get("asked") == ",".join(PACKAGES)


def main() -> int:
    """Prepare everything; 0 when the lab is ready, 2 with a sentence when it cannot be."""
    lab = lab_folder()
    started = time.monotonic()
    try:
        with alone(lab) as lock:
            install_tools()
            if not ready(lab):
                make_chroot(lab, lock)
            if not jssip(lab).exists():
                make_jssip(lab)
    except Lacking as lack:
        print(f"lab: not ready: {lack}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("lab: interrupted; the next run goes on with what is there", file=sys.stderr)
        return 130
    made = stamp(lab)
    what = ", ".join(f"{name} {made.get(name, '?')}" for name in PACKAGES)
    say(f"ready in {lab} ({what}; {time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())

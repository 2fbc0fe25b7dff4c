"""From a clone to a running service, by the commands of the README.

systemd is played by a few lines of shell that do with the unit what systemd does: start what
ExecStart says, and wait for READY=1.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.pages import README, ROOT, Block, bash, blocks, environment, named, proved, script, tools

SYSTEMCTL = """\
unit={root}/etc/systemd/system/sipfront.service
case "$1" in
  daemon-reload) test -s $unit ;;
  enable) exec {python} {player} $unit {root} ;;
  *) echo "systemctl $*?" >&2; exit 1 ;;
esac
"""
#: What systemd does with Type=notify: start it, and go on when it says READY=1.
PLAYER = """\
import os, re, socket, subprocess, sys
unit, root = sys.argv[1:]
text = open(unit).read()
command = re.search(r"^ExecStart=(.*)$", text, re.M)[1].split()
state = root + "/var/lib/" + re.search(r"^StateDirectory=(.*)$", text, re.M)[1]
os.makedirs(state, mode=0o700)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
    told.bind(root + "/notify")
    told.settimeout(20)
    environment = {**os.environ, "NOTIFY_SOCKET": root + "/notify", "STATE_DIRECTORY": state}
    environment.pop("PYTHONPATH")
    with open(root + "/log", "w") as log:
        made = subprocess.Popen(
            [root + command[0], *command[1:-1], root + command[-1]],
            env=environment, stdout=log, stderr=log, cwd="/", start_new_session=True,
        )
    open(root + "/pid", "w").write(str(made.pid))
    while b"READY=1" not in told.recv(4096):
        pass
"""


@pytest.mark.timeout(300)
@named(proved("install"))
def test_from_the_clone_to_a_service(block: Block, tmp_path: Path) -> None:
    assert len(block.commands) <= 10
    folder = tools(tmp_path)
    clone, root = tmp_path / "clone", tmp_path / "root"
    for part in ("sipfront", "probes", "config"):
        ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.c")
        shutil.copytree(ROOT / part, clone / part, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone / name)
    (root / "opt").mkdir(parents=True)
    (root / "etc/systemd/system").mkdir(parents=True)

    # The administrator's editor writes what the README shows, on loopback.
    mine = next(one for one in blocks() if one.page == README and one.kind == "yaml").text
    for outside, inside in (("192.0.2.", "127.0.86."), ("10.0.0.", "127.0.86.")):
        mine = mine.replace(outside, inside)
    (tmp_path / "mine.yaml").write_text(
        f"{mine}admin: {{listen: 'http://127.0.86.10:8060'}}\n"  # another front may have the default
    )
    script(folder / "editor", f'cp {tmp_path / "mine.yaml"} "$1"')
    (tmp_path / "player.py").write_text(PLAYER)
    player = tmp_path / "player.py"
    script(folder / "systemctl", SYSTEMCTL.format(root=root, python=sys.executable, player=player))

    text = block.text
    for top in ("/opt", "/etc"):
        text = re.sub(rf"(?<![\w.}}/]){top}/", f"{root}{top}/", text)
    # Nothing is fetched here: the new venv sees what this one has.
    text = text.replace("pip install .", "pip install --quiet --no-deps --no-build-isolation .")
    here = f"{root}/opt/sipfront/bin/pip uninstall --quiet --yes setuptools\n"  # of an old venv
    here += f"echo {sysconfig.get_path('purelib')} > "
    here += f"$(echo {root}/opt/sipfront/lib/python3*/site-packages)/here.pth"
    first, rest = text.split("\n", 1)
    env = environment(
        folder,
        EDITOR=str(folder / "editor"),
        SIPFRONT_PURE="1",
        SIPFRONT_CONFIG=f"{root}/etc/sipfront/sipfront.yaml",
        STATE_DIRECTORY=f"{root}/var/lib/sipfront",
        PYTHONPATH="",
    )
    try:
        said = bash(f"{first}\n{here}\n{rest}", clone, env, limit=240)
    finally:
        if (root / "pid").exists():
            os.kill(int((root / "pid").read_text()), signal.SIGTERM)
    assert "redundant: no" in said  # there are no PBXs at these addresses
    assert "pbx-a" in said
    shared = root / "opt/sipfront/share"
    assert ".SH EXIT STATUS" in (shared / "man/man1/sipfront.1").read_text()
    for name in ("bash-completion/completions/sipfront", "zsh/site-functions/_sipfront"):
        assert (shared / name).exists(), name

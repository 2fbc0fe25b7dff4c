"""What the documentation says is so: its commands run, its links lead somewhere, its snippets are right.

Every ``sh`` block of README.md and docs/ says in an HTML comment above it how it is proved:

- ``run``: as it stands, in an empty folder.
- ``install``: as it stands, on a copy of the sources, with /opt and /etc inside the test's folder:
  see test_install.py.
- ``front``: against a running front with two nodes, those of the demonstration.
- ``backup``, ``rotate``: on a state folder that a front has made.
- ``make``, ``lab``: too long for here, they are what CI and the lab do; here their targets and
  options are checked.
- ``syntax``: needs a machine's own services; here the shell reads it, and its files exist.
- ``nft``: read by nft where there is one (it needs root).

A block without such a comment fails.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import aiohttp
import pytest
import yaml

import bench.__main__
import bench.speed
import bench.whole
from sipfront.cli import main
from sipfront.config import load
from sipfront.config.later import KEYS, VALUES
from sipfront.demo.stage import Stage
from sipfront.runtime import keys
from tests.lab.asterisk import DOMAIN, Asterisk
from tests.pages import (
    FENCE,
    PAGES,
    README,
    ROOT,
    Block,
    bash,
    blocks,
    environment,
    named,
    proved,
    script,
    tools,
)

# ---- pages -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for text, target in re.findall(r"\[([^\]]+)\]\(([^)]+)\)", FENCE.sub("", page.read_text())):
        assert "://" not in target, f"{text}: links stay in the repository"
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{text}: {target}"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in [slug(title) for title in titles], f"{text}: {target}"


def slug(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-")


def test_every_command_block_says_how_it_is_proved() -> None:
    ways = {"run", "install", "front", "backup", "rotate", "make", "lab", "syntax", "nft"}
    for block in blocks():
        assert block.kind in {"", "sh", "yaml", "ini", "xml", "nft"}, block
        if block.kind in {"sh", "nft"}:
            assert block.proof.removeprefix("test: ") in ways, f"{block}: how is it proved?"
            # What a README asks for is run, and not only read.
            assert block.page != README or block.proof != "test: syntax", block


def test_the_readme_can_be_read_in_five_minutes() -> None:
    prose = FENCE.sub("", README.read_text())
    assert len(prose.split()) < 1900


def test_every_folder_is_on_the_map() -> None:
    text = README.read_text()
    rooms = [path for path in (ROOT / "sipfront").iterdir() if (path / "__init__.py").exists()]
    for room in rooms:
        assert re.search(rf"^  {room.name}/ ", text, re.MULTILINE), room
    for name in ("sipfront", "probes", "config", "tests", "bench", "docs"):
        assert re.search(rf"^{name}/", text, re.MULTILINE), name


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    table = "\n".join(line for line in README.read_text().splitlines() if line.startswith("|"))
    for requirement in [*project["dependencies"], *(one for extra in extras for one in extra)]:
        name = re.split(r"[\s<>=;\[]", requirement)[0]
        assert re.search(rf"\b{re.escape(name)}\b", table), name


def test_what_is_said_to_be_missing_is_missing() -> None:
    limits = README.read_text().partition("## What it is not")[2].partition("\n## ")[0]
    for word in ("static", "shared", "mirror", "nudge"):
        assert f"`{word}`" in limits
    assert "leases" in KEYS
    assert set(VALUES["store"]) == {"redis"}
    assert "Redis and etcd" in limits


def test_keys_that_are_named_are_in_the_sample() -> None:
    sample = yaml.safe_load((ROOT / "config/sipfront.yaml").read_text())
    found = 0
    for page in PAGES:
        for name in re.findall(r"`([a-z_]+(?:\[\])?(?:\.[a-z_]+)+)`", page.read_text()):
            section, _, rest = name.partition(".")
            if section.removesuffix("[]") not in sample or name == "probes.sipp":
                continue  # udp.icmp is no key, and probes.sipp is a package
            value = sample[section.removesuffix("[]")]
            for part in rest.split("."):
                value = (value[0] if isinstance(value, list) else value)[part]
            found += 1
    assert found >= 5


# ---- configuration ---------------------------------------------------------------------------


@named([block for block in blocks() if block.kind == "yaml" and "front:" in block.text])
def test_configurations_are_right(
    block: Block, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "front.crt" in block.text:
        certificate(tmp_path)
    file = tmp_path / "sipfront.yaml"
    file.write_text(block.text)
    assert load(file)[1] == ()
    assert main(["check", str(file)]) == 0
    capsys.readouterr()


@named([block for block in blocks() if block.kind == "yaml"])
def test_yaml_is_yaml(block: Block) -> None:
    assert isinstance(yaml.safe_load(block.text), dict)


def certificate(folder: Path) -> None:
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9"
    files = ["-keyout", str(folder / "front.key"), "-out", str(folder / "front.crt")]
    subprocess.run(
        [*command.split(), *files, "-subj", "/CN=x"], check=True, capture_output=True, timeout=30
    )


@named([block for block in blocks() if block.proof.startswith("lab: ")])
def test_the_lines_for_asterisk_are_those_of_the_lab(block: Block, tmp_path: Path) -> None:
    """The lab runs real Asterisks with its files; what is written here is in them."""
    name = block.proof.removeprefix("lab: ")
    front = "10.0.0.10:5062"
    pbx = Asterisk("pbx-a", "10.0.0.11", tmp_path, static=True, front=front)
    values = {"IP": pbx.ip, "DOMAIN": DOMAIN, "FRONT": front, "CONTINUITY": "static"}
    values |= {"CARRIER": "sip.carrier.example", "PASSWORD": "secret"}
    values |= {"NAME": pbx.name, "EXTENSIONS": pbx._extension("1001"), "HINTS": ""}
    template = (ROOT / "tests/lab/asterisk_conf" / name).read_text()
    lab = re.sub("@([A-Z_]+)@", lambda found: values[found[1]], template)
    there = sections(lab)
    for title, lines in sections(block.text):
        holds = [its for other, its in there if other == title and set(lines) <= set(its)]
        assert holds, f"{name} [{title}]: the lab has other lines than {lines}"


def sections(text: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for raw in text.splitlines():
        line = re.sub(r"(?<!\\);.*", "", raw).strip()
        if head := re.match(r"\[([\w-]+)\]", line):
            found.append((line.replace(head[0], head[1]), []))
        elif line and found:
            found[-1][1].append(line)
    return found


@named(proved("nft"))
@pytest.mark.skipif(
    shutil.which("nft") is None or os.geteuid() != 0, reason="needs nft and root to read it"
)
def test_firewall_lines_are_understood(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "rules"
    file.write_text(block.text)
    command = ["unshare", "--net", "nft", "--check", "--file", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if "Operation not" in done.stderr or "not supported" in done.stderr:
        pytest.skip("this kernel has no nftables")
    assert done.returncode == 0, done.stderr


# ---- commands --------------------------------------------------------------------------------


@named([block for block in blocks() if block.kind == "sh"])
def test_the_shell_can_read_it(block: Block) -> None:
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True, timeout=10)
    for words in block.commands:
        for word in words[1:]:
            if word.startswith("config/"):
                assert (ROOT / word).exists(), word


@named(proved("run"))
def test_it_runs(block: Block, tmp_path: Path) -> None:
    assert bash(block.text, tmp_path, environment(tools(tmp_path)))


@named(proved("make"))
def test_make_knows_its_targets(block: Block) -> None:
    for words in block.commands:
        assert words[0] == "make"
        subprocess.run([*words, "-n"], cwd=ROOT, check=True, capture_output=True, timeout=20)


@named(proved("lab"))
def test_fault_runs_know_their_options(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in block.commands:
        assert words[:3] == ["python", "-m", "bench"]
        seen: list[object] = []
        monkeypatch.setattr(sys, "argv", ["bench", *words[3:]])
        for where, name in (
            (bench.__main__, "_faults"),
            (bench.speed, "run"),
            (bench.whole, "run"),
        ):
            monkeypatch.setattr(where, name, lambda *args, seen=seen, **_: seen.append(args))
        bench.__main__.main()
        assert seen


async def test_the_verbs_against_a_running_front(tmp_path: Path) -> None:
    async with Stage(folder=tmp_path) as stage:
        env = environment(tools(tmp_path), SIPFRONT_CONFIG=str(tmp_path / "sipfront.yaml"))
        for block in proved("front"):
            text = block.text.replace("10.0.0.11", f"{stage.network}.11")
            assert await asyncio.to_thread(bash, text, tmp_path, env), block
        await families(stage)


async def families(stage: Stage) -> None:
    """The names in docs/metrics.md are those of a running front."""
    async with aiohttp.ClientSession() as session, session.get(f"{stage.admin}/metrics") as got:
        text = await got.text()
    there = set(re.findall(r"^# TYPE (sipfront_\w+)", text, re.MULTILINE))
    page = (ROOT / "docs/metrics.md").read_text()
    told = set(re.findall(r"^\| `(sipfront_\w+)`", page, re.MULTILINE))
    # Counters are there once they have counted something.
    rare = {
        "sipfront_engine_total", "sipfront_runtime_total", "sipfront_trunk_registered",
        "sipfront_probe_outcomes_total", "sipfront_probe_seconds", "sipfront_hooks_total",
    }  # fmt: skip
    assert there - rare == told - rare
    assert told >= rare
    whats = set(re.findall(r'^sipfront_now\{what="([^"]+)"', text, re.MULTILINE))
    line = next(line for line in page.splitlines() if line.startswith("| `sipfront_now`"))
    assert whats == set(re.findall(r"`(\w+)`", line)) - {"sipfront_now", "what"}


def test_the_counters_are_those_of_the_code() -> None:
    page = (ROOT / "docs/metrics.md").read_text().partition("## `sipfront_engine_total`")[2]
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    told = {name for row in rows for name in re.findall(r"`([^`]+)`", row)} - {"what"}
    source = "".join(
        path.read_text()
        for folder in ("stack", "runtime")
        for path in (ROOT / "sipfront" / folder).glob("*.py")
    )
    for name in told:
        assert f'"{re.sub(r"[A-Z]+$", "", name)}' in source, name


@named(proved("rotate"))
def test_a_rotated_key_opens_what_is_on_the_way(block: Block, tmp_path: Path) -> None:
    before = keys.load(tmp_path / "keys")
    folder = tools(tmp_path)
    script(folder / "systemctl", "test $1 = restart")
    text = block.text.replace("/var/lib/sipfront", str(tmp_path))
    bash(text, tmp_path, environment(folder))
    after = keys.load(tmp_path / "keys")
    assert after.tokens[1:] == before.tokens
    assert after.tokens[0] != before.tokens[0]
    assert after.binding == before.binding


@named(proved("backup"))
def test_the_backup_holds_the_keys(block: Block, tmp_path: Path) -> None:
    etc, state = tmp_path / "etc/sipfront", tmp_path / "var/lib/private/sipfront"
    for folder in (etc, state):
        folder.mkdir(parents=True)
    (tmp_path / "var/lib/sipfront").symlink_to("private/sipfront")  # as systemd has it
    keys.load(state / "keys")
    (state / "token").write_text("t")
    (etc / "sipfront.yaml").write_text("front:\n")
    bash(block.text.replace("-C /", f"-C {tmp_path}"), tmp_path, environment(tools(tmp_path)))
    with tarfile.open(tmp_path / "sipfront-backup.tar.gz") as made:
        names = set(made.getnames())
    kept = {"keys/token.key", "keys/binding.key", "token"}
    assert {f"var/lib/sipfront/{name}" for name in kept} <= names
    assert "etc/sipfront/sipfront.yaml" in names

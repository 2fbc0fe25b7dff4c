"""The dashboard and the alert rules: right by promtool, and only of metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "config" / "prometheus" / "sipfront.rules.yml"
TESTS = RULES.with_name("sipfront.rules.test.yml")
DASHBOARD = ROOT / "config" / "grafana" / "sipfront.json"


def documented() -> set[str]:
    """The names in docs/metrics.md; a test compares them with what a front says."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    return set(re.findall(r"^\| `(sipfront_\w+)`", page, re.MULTILINE))


def used(text: str) -> set[str]:
    """The metrics in an expression, a histogram by its own name."""
    names = re.findall(r"\bsipfront_\w+", text)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    board: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return board


def promtool(*words: str) -> str:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.fail("promtool is not there: .ci/prepare test installs it (Debian: prometheus)")
    done = subprocess.run([tool, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_rules() -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", str(RULES))


def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(TESTS))


def test_every_alert_says_what_to_do_in_commands_that_there_are() -> None:
    from sipfront.cli.main import make_parser
    from sipfront.cli.tree import verbs as all_of

    verbs = {verb.name for verb in all_of(make_parser())}
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "what_to_do"}, rule["alert"]
        for verb in re.findall(r"`sipfront (\w+)", rule["annotations"]["what_to_do"]):
            assert verb in verbs


def test_only_metrics_that_there_are_are_used() -> None:
    expressions = [rule["expr"] for rule in rules()]
    expressions += [
        target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]
    ]
    assert used(" ".join(expressions)) <= documented()


def test_every_expression_of_the_dashboard_is_one(tmp_path: Path) -> None:
    expressions = [t["expr"] for panel in dashboard()["panels"] for t in panel["targets"]]
    made = [
        {"record": f"panel:{n}", "expr": text.replace("$instance", ".+")}
        for n, text in enumerate(expressions)
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": made}]}))
    assert f"{len(made)} rules found" in promtool("check", "rules", str(file))


def test_the_panels_do_not_cover_each_other_and_say_what_they_show() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        assert panel["title"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells

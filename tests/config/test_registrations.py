"""``registrations``: ways of continuity, and where credentials are kept."""

from __future__ import annotations

from pathlib import Path

from tests.config.build import config, said


def test_mirror_needs_credentials(tmp_path: Path) -> None:
    (line,) = said(registrations={"continuity": "mirror"})
    assert line.startswith("registrations.continuity: needs credentials")
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text("accounts: []\n")
    secrets.chmod(0o600)
    told = {"continuity": "mirror", "credentials": [{"file": str(secrets)}]}
    assert said(registrations=told) == []
    assert config(registrations=told).registrations.credentials[0].file == secrets
    for way in ("auto", "nudge", "shared", "static"):
        assert said(registrations={"continuity": way}) == []


def test_secrets_that_others_may_read_are_refused(tmp_path: Path) -> None:
    secrets = tmp_path / "pjsip.conf"
    secrets.write_text("")
    secrets.chmod(0o644)
    (line,) = said(registrations={"credentials": [{"asterisk": str(secrets)}]})
    assert line.startswith("registrations.credentials[0].asterisk: others may read the secrets")
    secrets.chmod(0o640)
    assert said(registrations={"credentials": [{"asterisk": str(secrets)}]}) == []
    (line,) = said(registrations={"credentials": [{"file": str(tmp_path / "none")}]})
    assert "cannot be read" in line


def test_a_source_is_one_place() -> None:
    for source, text in (
        ({}, "names one place"),
        (
            {"url": "https://a", "database": "postgresql://b", "query": "SELECT 1"},
            "names one place",
        ),
        ({"database": "postgresql://b"}, "database and query belong together"),
        ({"file": "x", "token_file": "y"}, "token_file belongs to url"),
    ):
        assert any(text in line for line in said(registrations={"credentials": [source]})), source
    (line,) = said(registrations={"credentials": [{"url": "http://10.0.0.1/x"}]})
    assert "is not https" in line


def test_bounds() -> None:
    assert said(registrations={"rate": 0})
    assert said(registrations={"node_expiry": "60s"})
    assert said(registrations={"lan_expiry": "5s"})
    assert config(registrations={"rate": 50}).registrations.rate == 50

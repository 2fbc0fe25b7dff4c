from __future__ import annotations

import re

import pytest
from aiohttp.test_utils import TestClient

from sipfront.admin import page

STRANGER = {"X-Forwarded-For": "203.0.113.9"}


@pytest.mark.parametrize("path", sorted(page.PAGES))
async def test_files_are_for_everybody_and_say_how_they_may_be_used(
    client: TestClient, path: str
) -> None:
    answer = await client.get(path, headers=STRANGER)
    assert answer.status == 200
    assert answer.headers["Content-Security-Policy"] == page.POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-cache"
    mark = answer.headers["ETag"]
    again = await client.get(path, headers=STRANGER | {"If-None-Match": mark})
    assert (again.status, await again.read()) == (304, b"")
    assert (await client.post(path, headers=STRANGER)).status == 401


def test_nothing_inline_nothing_from_elsewhere() -> None:
    """What the policy forbids is not in the files: a browser would say so on its console only."""
    for path in page.files().values():
        if "vendor" in path.parts:
            continue
        text = path.read_text()
        if path.suffix == ".html":
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", text)
            assert set(re.findall(r'(?:src|href)="([^"#]+)"', text)) <= page.PAGES
        if path.suffix == ".js":
            assert not re.search(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text
            )
            assert all(name.startswith("./") for name in re.findall(r'from "([^"]+)"', text))
            assert len(text.splitlines()) <= 400, path.name
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), path.name


def test_the_library_has_its_licence_beside_it() -> None:
    folder = page.FOLDER / "vendor"
    assert (folder / "uplot.LICENSE.txt").read_text().startswith("The MIT License")
    assert "uPlot (v1.6." in (folder / "uplot.js").read_text()[:200]


async def test_access(client: TestClient, auth: dict[str, str]) -> None:
    answer = await client.get("/api/v1/access")
    assert await answer.json() == {"local": True, "levers": False}
    answer = await client.get("/api/v1/access", headers=STRANGER | auth)
    assert await answer.json() == {"local": False, "levers": True}

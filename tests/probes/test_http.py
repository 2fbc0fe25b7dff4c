from __future__ import annotations

import asyncio
import base64

import pytest

from probes.http import ari, http
from tests.probes.peers import Speaks, line_peer


def web(status: str, body: str = "", wants: str = "") -> Speaks:
    async def speaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        given = f"Basic {base64.b64encode(wants.encode()).decode()}"
        line = status if not wants or given in head else "401 Unauthorized"
        text = f"HTTP/1.1 {line}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        writer.write(text.encode())

    return speaks


@pytest.mark.parametrize(
    ("status", "more", "good"),
    [
        ("200 OK", {}, True),
        ("200 OK", {"contains": "fine"}, True),
        ("200 OK", {"contains": "other"}, False),
        ("503 Service Unavailable", {}, False),
        ("302 Found", {}, False),
        ("302 Found", {"expect": (302,)}, True),
    ],
)
async def test_what_answers_mean(status: str, more: dict[str, object], good: bool) -> None:
    async with line_peer(web(status, "all is fine")) as port:
        result = await http(f"http://127.8.41.2:{port}/", **more)  # type: ignore[arg-type]
    assert result.good is good, result


async def test_ari_wants_its_user() -> None:
    body = '{"asterisk_id":"x","ping":"pong"}'
    async with line_peer(web("200 OK", body, "probe:secret")) as port:
        url = f"http://127.8.41.2:{port}/"
        assert (await ari(url, user="probe", password="secret", local="127.8.41.4")).good
        wrong = await ari(url, user="probe", password="wrong")
        assert (wrong.good, wrong.text) == (False, "401: the credentials are refused")
    refused = await http(url)
    assert (refused.good, refused.text) == (False, "refused: nobody listens there")
    assert (await http("http://[")).good is False

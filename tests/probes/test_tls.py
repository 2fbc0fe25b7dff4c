from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from probes.tls import tls
from tests.probes.peers import line_peer


def made(folder: Path, days: int) -> tuple[Path, ssl.SSLContext]:
    cert, key = folder / f"{days}.crt", folder / f"{days}.key"
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    more = ["-days", str(days), "-subj", "/CN=pbx", "-addext", "subjectAltName=IP:127.8.41.2"]
    subprocess.run(
        [*words.split(), *more, "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


async def _serve(context: ssl.SSLContext | None) -> asyncio.Server:
    async def idle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    return await asyncio.start_server(idle, "127.8.41.2", 0, ssl=context)


@pytest.mark.parametrize("days", [2, 90, 12000])
async def test_days_to_expiry(tmp_path: Path, days: int) -> None:
    cert, context = made(tmp_path, days)
    server = await _serve(context)
    port = server.sockets[0].getsockname()[1]
    try:
        result = await tls("127.8.41.2", port, authorities=cert)
        assert result.good is (days > 14), result
        assert result.details["days"] == pytest.approx(days, abs=0.1)
        assert (await tls("127.8.41.2", port, authorities=cert, days=1)).good
        stranger = await tls("127.8.41.2", port)
        assert stranger.good is False
        assert "certificate is not good" in stranger.text
        assert (await tls("127.8.41.2", port, verify=False, days=1)).good
        other = await tls("127.8.41.2", port, authorities=cert, name="sip.example.com")
        assert other.good is False
    finally:
        server.close()
        await server.wait_closed()


async def test_something_that_speaks_no_tls() -> None:
    async def mute(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")

    async with line_peer(mute) as port:
        result = await tls("127.8.41.2", port)
    assert result.good is False
    assert "handshake" in result.text

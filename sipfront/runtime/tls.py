"""TLS contexts, and how they are replaced while the front runs.

A new certificate is loaded into a scratch context; only when that worked does it take the place
of the old one.  A bad one leaves the old one serving.  Connections that stand keep what they have.

Towards trunks the peer's certificate and name are verified.  Nodes are named by address and often
have a certificate of their own making: theirs is verified against ``front.tls.authorities`` when
that is configured (the chain, not the name), and otherwise only the encryption is had.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, NamedTuple

from sipfront.runtime.errors import StartupError, plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Files(NamedTuple):
    """Where the PEM files are."""

    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None


def server_context(files: Files) -> ssl.SSLContext | None:
    """The context of TLS listeners; None without a certificate.  Raises StartupError."""
    if files.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    key = files.key or files.certificate
    for path in (files.certificate, key):
        _readable(path, "certificate" if path is files.certificate else "key")
    _load_chain(context, files.certificate, key)
    return context


class _Locked(Exception):
    """OpenSSL wanted a password."""


def _no_password() -> bytes:
    """Without this OpenSSL asks at the terminal, and waits."""
    raise _Locked


def _load_chain(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except _Locked:
        text = f"the key in {key} has a password; the front needs one without"
        raise StartupError(text) from None
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or "they are not PEM"
        if reason == "KEY_VALUES_MISMATCH":
            text = f"the key in {key} does not belong to the certificate in {certificate}"
        else:
            words = reason.lower().replace("_", " ")
            text = f"the certificate in {certificate} and the key in {key} cannot be used: {words}"
        raise StartupError(text) from error


def client_context(files: Files, *, names: bool) -> ssl.SSLContext:
    """The context of outgoing connections.  ``names``: verify the peer fully (trunks).

    Raises StartupError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not names:
        context.check_hostname = False
        if files.authorities is None:
            context.verify_mode = ssl.CERT_NONE
    if files.authorities is not None:
        _readable(files.authorities, "authorities")
        try:
            context.load_verify_locations(files.authorities)
        except (ssl.SSLError, OSError) as error:
            raise StartupError(f"no certificates can be read from {files.authorities}") from error
    elif names:
        context.load_default_certs()
    if files.certificate is not None:
        # A node or carrier may want to see who calls.
        _load_chain(context, files.certificate, files.key or files.certificate)
    return context


def _readable(path: Path, what: str) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise StartupError(f"cannot read the {what} {path}: {plain(error, 'file')}") from error


class Contexts:
    """The contexts in use.  ``server`` is None when there is no certificate."""

    def __init__(self, files: Files) -> None:
        """Raises StartupError."""
        self._files = files
        self.server, self._client, self._lenient = self._load()

    def _load(self) -> tuple[ssl.SSLContext | None, ssl.SSLContext, ssl.SSLContext]:
        files = self._files
        return (
            server_context(files),
            client_context(files, names=True),
            client_context(files, names=False),
        )

    def client(self, *, names: bool) -> ssl.SSLContext:
        """For an outgoing connection: to a trunk (``names``), or to a node."""
        return self._client if names else self._lenient

    def reload(self, files: Files, tell: Callable[[str], None]) -> bool:
        """Read the files again; what cannot be used is told, and everything stays as it was."""
        old, self._files = self._files, files
        try:
            loaded = self._load()
        except StartupError as error:
            self._files = old
            tell(str(error))
            return False
        self.server, self._client, self._lenient = loaded
        return True

"""Download one file whose size and SHA-256 are known before: short wait for the connection, resume, verify."""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from penchant import __version__
from penchant.core.errors import AssetError, InputError, require
from penchant.core.progress import Progress, progress
from penchant.core.storage import writing

_CHUNK = 1 << 18
_READ_SECONDS = 30.0
_STALLS = 2
"""Requests in a row that bring no new byte before the address is given up."""


@dataclass(frozen=True)
class AssetFile:
    """A pinned file: name (with forward slashes), size in bytes, SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


def connect_seconds() -> float:
    """How long to wait for a connection: ``PENCHANT_CONNECT_SECONDS``, or 4."""
    text = os.environ.get("PENCHANT_CONNECT_SECONDS", "4")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    require(0 < seconds < 3600, f"PENCHANT_CONNECT_SECONDS={text!r}", "it must be a number of seconds above 0", "set it to 4", InputError)
    return seconds


def download(url: str, file: AssetFile, target: Path) -> None:
    """Bring ``file`` from ``url`` to ``target``, going on where an earlier try (of any address) stopped.

    Raises:
        AssetError: The address cannot be reached, or gives something else.
        StorageError: The disk is full, or may not be written.
    """
    part = target.with_name(f"{target.name}.{file.sha256[:12]}.part")  # named by content: another address may finish it
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        resumed = part.exists()
        _fill(url, file, part)
        if resumed and not matches(part, file):  # what lay there may have been wrong: once more from the start
            part.unlink()
            _fill(url, file, part)
        if not matches(part, file):
            part.unlink()
            raise failure(url, "what it gave has another SHA-256 than the pinned one")
        part.replace(target)


def matches(path: Path, file: AssetFile) -> bool:
    """Whether ``path`` holds ``file``: size first, then SHA-256."""
    try:
        if path.stat().st_size != file.size:
            return False
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
    except OSError:
        return False


def failure(source: str, reason: str) -> AssetError:
    """What a source raises to say why it cannot give a file."""
    return AssetError(source, reason, "try another source")


def _fill(url: str, file: AssetFile, part: Path) -> None:
    """Ask for what ``part`` still lacks until it is complete. A broken connection is taken up again while bytes arrive."""
    reason, stalls = "", 0
    with progress(f"fetch {file.name}", file.size // 1000, unit="kB") as bar:
        while (have := _size(part)) < file.size or not part.exists():
            if stalls == _STALLS:
                raise failure(url, reason)
            reason = _more(url, file, part, have, bar)
            stalls = 0 if _size(part) > have else stalls + 1


def _more(url: str, file: AssetFile, part: Path, have: int, bar: Progress) -> str:
    """Append one answer of the server to ``part``, which has ``have`` bytes. Returns why the answer ended."""
    headers = {"User-Agent": f"penchant/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        response = _opener().open(urllib.request.Request(url, headers=headers), timeout=connect_seconds())
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            part.unlink()
            return "it cannot go on where the download stopped"
        raise failure(url, f"HTTP {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise failure(url, _reason(error)) from None
    with response:
        going_on = response.status == http.HTTPStatus.PARTIAL_CONTENT
        position = have if going_on else 0
        length = response.headers.get("Content-Length", "")
        if length.isdigit() and position + int(length) != file.size:
            raise failure(url, f"it offers {position + int(length)} bytes, not the pinned {file.size}")
        with part.open("ab" if going_on else "wb") as stream:
            while position < file.size:
                try:
                    chunk = response.read(min(_CHUNK, file.size - position))
                except (OSError, http.client.HTTPException) as error:
                    return _reason(error)
                if not chunk:
                    return "the connection closed too early"
                stream.write(chunk)
                position += len(chunk)
                bar.update(position // 1000 - bar.done)
    return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _reason(error: BaseException) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return str(cause) if "within" in str(cause) else "no answer in time"
    if isinstance(cause, socket.gaierror):
        return "its name is not known here"
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return text or type(cause).__name__


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_Http, _Https)


def _resolve(host: str, port: int, seconds: float) -> None:
    """Look ``host`` up in at most ``seconds``: the system's own call knows no limit, and may take half a minute."""
    outcome: list[OSError] = []

    def look() -> None:
        try:
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"its name was not found within {seconds:g} s")
    if outcome:
        raise outcome[0]


def _open(connection: http.client.HTTPConnection, connect: Callable[[], None]) -> None:
    """Connect with the short limit, then allow the longer one between two pieces of the answer."""
    seconds = connect_seconds()
    _resolve(connection.host, connection.port, seconds)
    try:
        connect()
    except TimeoutError:
        raise TimeoutError(f"no connection within {seconds:g} s") from None
    connection.sock.settimeout(_READ_SECONDS)


class _HttpConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        _open(self, super().connect)


class _HttpsConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        _open(self, super().connect)


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HttpConnection, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HttpsConnection, req)

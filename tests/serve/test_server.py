"""The real server: in a process of its own, over real sockets."""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch

from penchant.core.errors import ArtifactError, InputError
from penchant.core.progress import SilentReporter, set_reporter
from penchant.serve.backends import SERVED_NAME
from penchant.serve.server import address, bound, loopback, serve
from penchant.serve.sqlite_served import SqliteServedLog

ROOT = Path(__file__).resolve().parents[2]
START = """
import sys
from pathlib import Path
from penchant.serve.server import serve
from penchant.serve.service import ServeSettings
serve(Path(sys.argv[1]), port=0, data_dir=Path(sys.argv[2]), settings=ServeSettings.model_validate_json(sys.argv[3]))
"""


@contextmanager
def running(release: Path, data: Path, ending: int = signal.SIGKILL, settings: str = "{}") -> Iterator[str]:
    """A server in a process of its own, killed at the end, or ended as is asked."""
    command = [sys.executable, "-c", START, str(release), str(data), settings]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        assert process.stderr is not None
        said = ""
        while (found := re.search(r"http://127\.0\.0\.1:\d+/", said)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        yield found[0]
    finally:
        process.send_signal(ending)
        said = process.communicate(timeout=30)[1]
        assert ending == signal.SIGKILL or "The server has ended" in said


def ask(address: str, body: object = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """``serve`` sets this for its process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_killed_server_keeps_what_it_acknowledged_and_ctrl_c_ends_cleanly(tiny_release_folder: Path, tmp_path: Path) -> None:
    events = [{"event_id": f"e{number}", "user_id": "v", "item_id": f"i{number}", "event": "like"} for number in (1, 2, 3)]
    with running(tiny_release_folder, tmp_path) as url:
        assert ask(url + "v1/events", {"events": events})["accepted"] == 3
    # ... which was killed there, without warning. Another one goes on with its data, in this process.
    heard = Heard()
    set_reporter(heard)
    found: list[object] = []

    def visit() -> None:
        try:
            url = heard.address.get(timeout=200)
            found.extend([ask(url + "v1/health")["events_logged"], ask(url + "v1/users/v")["liked"]])
        finally:
            signal.raise_signal(signal.SIGINT)  # Ctrl-C

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        serve(tiny_release_folder, port=0, data_dir=tmp_path)
    finally:
        visitor.join()
        set_reporter(None)
    assert found == [3, ["i3", "i2", "i1"]]
    assert heard.notes[-1] == "The server has ended"


class Heard(SilentReporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.address: queue.Queue[str] = queue.Queue()

    def note(self, message: str) -> None:
        self.notes.append(message)
        if at := re.search(r"http://127\.0\.0\.1:\d+/", message):
            self.address.put(at[0])


def raw(url: str, *parts: bytes) -> bytes:
    """What the server answers to these bytes."""
    place = urlsplit(url)
    with socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        got = b""
        while piece := connection.recv(65_536):
            got += piece
        return got


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 200),
        (b"GET /nowhere HTTP/1.1\r\nhost: [::1\r\nconnection: close\r\n\r\n", 404),
        (b"GET http://elsewhere/v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 200),
        (b"GET /v1/items/%zz%00 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 422),
        (b"BREW /v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 400),
        (b"GET /v1/users?search=%FF%00 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 200),
        (b"POST /v1/search HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST /v1/search HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 99999999999999999999\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_odd_requests_get_an_answer(server_url: str, head: bytes, status: int) -> None:
    assert raw(server_url, head).split(b"\r\n")[0].startswith(f"HTTP/1.1 {status} ".encode())
    assert ask(server_url + "/v1/health")["status"] == "ready"


def test_a_body_of_two_megabytes_sent_in_chunks_is_413(server_url: str) -> None:
    head = (
        b"POST /v1/search HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    assert raw(server_url, head, *[chunk] * 64, b"0\r\n\r\n").startswith(b"HTTP/1.1 413 ")


def test_a_client_that_leaves_harms_nobody(server_url: str) -> None:
    place = urlsplit(server_url)
    for _ in range(5):
        with socket.create_connection((str(place.hostname), int(place.port or 0))) as connection:
            connection.sendall(b"POST /v1/recommend HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
    assert ask(server_url + "/v1/health")["status"] == "ready"


def test_an_altered_release_is_refused_before_anything_is_bound(tiny_release_folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_release_folder, tmp_path / "copy")
    weights = copy / "models" / "tandem" / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ArtifactError, match="changed"):
        serve(copy, port=taken.getsockname()[1], data_dir=tmp_path / "data")
    with pytest.raises(ArtifactError):
        serve(tmp_path / "nothing", port=0, data_dir=tmp_path / "data")


def test_a_taken_port_is_said_so(tiny_release_folder: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port}.*pass another port"):
            serve(tiny_release_folder, port=port, data_dir=tmp_path)


def test_a_damaged_event_log_is_said_so(tiny_release_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "events.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(ArtifactError, match="event log"):
        serve(tiny_release_folder, port=0, data_dir=tmp_path)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", -1), ("127.0.0.1", 65_536)])
def test_ports_have_a_range(tmp_path: Path, host: str, port: int) -> None:
    with pytest.raises(InputError, match="ports are 0 to 65535"):
        serve(tmp_path, host=host, port=port, data_dir=tmp_path)


@pytest.mark.parametrize("host", ["no such host.invalid", "192.0.2.1", "a" * 300])
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(InputError, match=r"127\.0\.0\.1"):
        bound(host, 0)


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("shop", False)],
)
def test_hosts_that_only_this_machine_can_reach(host: str, own: bool) -> None:
    assert loopback(host) == own


@pytest.mark.usefixtures("one_thread")
def test_a_server_without_keys_that_others_can_reach_warns(tiny_release_folder: Path, tmp_path: Path) -> None:
    heard = Heard()
    set_reporter(heard)
    try:
        with socket.create_server(("0.0.0.0", 0)) as taken, pytest.raises(InputError):
            serve(tiny_release_folder, host="0.0.0.0", port=taken.getsockname()[1], data_dir=tmp_path)
    finally:
        set_reporter(None)
    assert any("WARNING: 0.0.0.0" in note and "--keys" in note for note in heard.notes)


def test_addresses_as_a_browser_takes_them() -> None:
    assert address("127.0.0.1", 8000) == "http://127.0.0.1:8000/"
    assert address("0.0.0.0", 80) == "http://localhost:80/"
    assert address("::1", 80) == "http://[::1]:80/"


def test_a_server_that_is_asked_to_end_writes_what_waits(tiny_release_folder: Path, tmp_path: Path) -> None:
    with running(tiny_release_folder, tmp_path, signal.SIGTERM) as home:
        request_ids = [ask(f"{home}v1/recommend", {"user_id": "u1", "k": 5})["request_id"] for _ in range(5)]
    with closing(SqliteServedLog(tmp_path / SERVED_NAME)) as answers:
        assert [one.request_id for one in answers.since(0)] == request_ids

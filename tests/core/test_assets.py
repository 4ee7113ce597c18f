from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from penchant.core import downloads, sources
from penchant.core.assets import cache_folder, fetch
from penchant.core.downloads import AssetFile, connect_seconds
from penchant.core.errors import AssetError, InputError, StorageError
from penchant.core.pins import ASSETS, Asset, Variant
from penchant.core.progress import quiet
from penchant.core.sources import HubFile, Source, Url, UrlZip, WheelMember

BIG = bytes(range(256)) * 4096  # 1 MiB
SMALL = b"hello\n"


def _pin(name: str, data: bytes) -> AssetFile:
    return AssetFile(name, len(data), hashlib.sha256(data).hexdigest())


FILES = (_pin("big.bin", BIG), _pin("part/small.txt", SMALL))
CONTENT = {"big.bin": BIG, "part/small.txt": SMALL}


class Server:
    """A real HTTP server on the loopback that can misbehave.

    Attributes:
        pages: Content by path.
        asked: Path and Range of every request.
        cut: Bytes after which the next answers break off, one entry each.
        ranges: Whether it knows how to go on in the middle.
    """

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {f"/{name}": data for name, data in CONTENT.items()}
        self.moved: dict[str, str] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.cut: list[int] = []
        self.ranges = True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.asked.append((request.path, asked))
        if request.path in self.moved:
            request.send_response(302)
            request.send_header("Location", self.moved[request.path])
            request.end_headers()
            return
        data = self.pages.get(request.path)
        if data is None:
            request.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        if start >= len(data) > 0:
            request.send_error(416)
            return
        request.send_response(206 if asked and self.ranges else 200)
        request.send_header("Content-Length", str(len(data) - start))
        request.end_headers()
        end = start + self.cut.pop(0) if self.cut else len(data)
        request.wfile.write(data[start:end])

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PENCHANT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("PENCHANT_OFFLINE", "PENCHANT_CONNECT_SECONDS", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with quiet():
        yield tmp_path


@pytest.fixture
def dead() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _asset(*sources: Source, files: tuple[AssetFile, ...] = FILES) -> Asset:
    return Asset("thing", (Variant("plain", files, sources),), licence="none")


def _zip(content: dict[str, bytes], prefix: str = "") -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(prefix + name), data)
    return memory.getvalue()


def _holds(folder: Path) -> bool:
    return all((folder / name).read_bytes() == data for name, data in CONTENT.items())


def _left(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_fetched_once(server: Server, tmp_path: Path) -> None:
    asset = _asset(Url(server.url + "/{file}"))
    folder = fetch(asset)
    assert folder == tmp_path / "cache" / "assets" / "thing" / "plain" and _holds(folder)
    assert [path for path, _ in server.asked] == ["/big.bin", "/part/small.txt"]
    assert fetch(asset) == folder and fetch(asset, verify=True) == folder
    assert len(server.asked) == 2
    assert _left(tmp_path / "cache") == [".verified.json", "big.bin", "small.txt"]


def test_changed_files_are_noticed_and_fetched_again(server: Server) -> None:
    asset = _asset(Url(server.url + "/{file}"))
    folder = fetch(asset)
    big = folder / "big.bin"
    os.utime(big, (1, 1))  # touched, but the same: hashed again, not fetched again
    assert fetch(asset) == folder and len(server.asked) == 2
    big.write_bytes(b"x" + BIG[1:])
    fetch(asset)
    assert _holds(folder) and [path for path, _ in server.asked[2:]] == ["/big.bin"]
    times = big.stat()
    big.write_bytes(b"y" + BIG[1:])
    os.utime(big, ns=(times.st_atime_ns, times.st_mtime_ns))  # size and time tell nothing now ...
    assert fetch(asset) == folder and not _holds(folder)
    assert fetch(asset, verify=True) == folder and _holds(folder)  # ... so it takes a full look


def test_a_broken_connection_is_taken_up_where_it_broke(server: Server) -> None:
    server.cut = [100_000, 300_000]
    assert _holds(fetch(_asset(Url(server.url + "/{file}"))))
    assert [asked for path, asked in server.asked if path == "/big.bin"] == [None, "bytes=100000-", "bytes=400000-"]


def test_a_later_run_goes_on_and_another_source_may_finish(server: Server, tmp_path: Path) -> None:
    server.cut = [100_000, 0, 0]
    with pytest.raises(AssetError, match="closed too early"):
        fetch(_asset(Url(server.url + "/{file}")))
    parts = list((tmp_path / "cache").rglob("*.part"))
    assert [part.stat().st_size for part in parts] == [100_000]
    server.asked.clear()
    server.pages["/mirror/big.bin"], server.pages["/mirror/part/small.txt"] = BIG, SMALL
    assert _holds(fetch(_asset(Url(server.url + "/mirror/{file}"))))
    assert server.asked[0] == ("/mirror/big.bin", "bytes=100000-")
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_a_wrong_beginning_is_thrown_away_after_resuming(server: Server, tmp_path: Path) -> None:
    part = tmp_path / "cache" / "assets" / "thing" / "plain" / f"big.bin.{FILES[0].sha256[:12]}.part"
    part.parent.mkdir(parents=True)
    for wrong in (b"wrong", BIG[:-1] + b"!", BIG + b"too long"):
        part.write_bytes(wrong)
        folder = fetch(_asset(Url(server.url + "/{file}")))
        assert _holds(folder)
        (folder / "big.bin").unlink()


def test_a_server_that_cannot_resume(server: Server) -> None:
    server.ranges = False
    server.cut = [100_000]
    assert _holds(fetch(_asset(Url(server.url + "/{file}"))))


def test_wrong_content_goes_to_the_next_source(server: Server, tmp_path: Path) -> None:
    server.pages |= {"/bad/big.bin": b"!" + BIG[1:], "/short/big.bin": b"<html>sign in</html>"}
    bad, short = Url(server.url + "/bad/{file}"), Url(server.url + "/short/{file}")
    assert _holds(fetch(_asset(bad, short, Url(server.url + "/none/{file}"), Url(server.url + "/{file}"))))
    with pytest.raises(AssetError) as caught:
        fetch(Asset("other", _asset(bad, short, Url(server.url + "/none/{file}")).variants, licence=""))
    for reason in ("another SHA-256", "offers 20 bytes, not the pinned 1048576", "HTTP 404"):
        assert reason in caught.value.rule
    assert _left(tmp_path / "cache" / "assets" / "other") == []


def test_dead_sources_are_passed_quickly(server: Server, dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENCHANT_CONNECT_SECONDS", "0.3")
    with socket.socket() as silent:  # takes no connection: its queue is full
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        address = silent.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        start = time.monotonic()
        unknown = Url("http://no-such-host.invalid/{file}")
        hanging = Url(f"http://127.0.0.1:{address[1]}/{{file}}")
        assert _holds(fetch(_asset(Url(dead + "/{file}"), unknown, hanging, Url(server.url + "/{file}"))))
        assert time.monotonic() - start < 3
        with pytest.raises(AssetError) as caught:
            fetch(Asset("other", _asset(Url(dead + "/{file}"), unknown, hanging).variants, licence=""))
        for filler in fillers:
            filler.close()
    assert "refused" in caught.value.rule and "name" in caught.value.rule
    assert "no connection within 0.3 s" in caught.value.rule
    assert "connect to the internet and try again" in caught.value.remedy


def test_a_server_that_stops_talking(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_READ_SECONDS", 0.2)
    monkeypatch.setattr(server, "answer", lambda request: time.sleep(1))
    with pytest.raises(AssetError, match="no answer in time"):
        fetch(_asset(Url(server.url + "/{file}")))


def test_slow_name_lookup_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENCHANT_CONNECT_SECONDS", "0.2")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **named: time.sleep(2))
    start = time.monotonic()
    with pytest.raises(AssetError, match=r"not found within 0\.2 s"):
        fetch(_asset(Url("http://slow.invalid/{file}")))
    assert time.monotonic() - start < 1.5


def test_hub_and_its_redirects(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url + "/")
    server.moved = {f"/org/model/resolve/abc/{name}": f"{server.url}/{name}" for name in CONTENT}
    server.cut = [500_000]
    assert _holds(fetch(_asset(HubFile("org/model", "abc"))))
    assert ("/big.bin", "bytes=500000-") in server.asked  # the wish to go on survives the redirect


def test_zip_at_an_address(server: Server, tmp_path: Path) -> None:
    packed = _zip(CONTENT, "set/")
    server.pages["/set.zip"] = packed
    asset = _asset(UrlZip(server.url + "/set.zip", _pin("set.zip", packed), "set/"))
    assert _holds(fetch(asset))
    assert _left(tmp_path / "cache") == [".verified.json", "big.bin", "small.txt"]


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (_zip({"big.bin": BIG}), "does not hold the pinned files"),
        (_zip({**CONTENT, "part/small.txt": b"hullo\n"}), "part/small.txt has another SHA-256"),
        (_zip({**CONTENT, "part/small.txt": b"x"}), "part/small.txt has 1 bytes"),
        (b"no zip at all", "archive is broken"),
        (_zip(CONTENT)[:200] + b"????" + _zip(CONTENT)[204:], "archive is broken|another SHA-256"),
    ],
)
def test_bad_archives(server: Server, packed: bytes, reason: str, tmp_path: Path) -> None:
    server.pages["/set.zip"] = packed
    with pytest.raises(AssetError, match=reason):
        fetch(_asset(UrlZip(server.url + "/set.zip", _pin("set.zip", packed), "")))
    assert not list((tmp_path / "cache").rglob("*.new"))


def _wheel(folder: Path, content: dict[str, bytes]) -> None:
    info = "toy_data-1.0.dist-info"
    meta = b"Metadata-Version: 2.1\nName: toy-data\nVersion: 1.0\nRequires-Python: <3\nRequires-Dist: no-such-thing\n"
    tags = b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    trap = {"toy_data/__init__.py": b"raise SystemExit('imported')\n"}
    files = {**trap, **content, f"{info}/METADATA": meta, f"{info}/WHEEL": tags, f"{info}/RECORD": b""}
    (folder / "toy_data-1.0-py3-none-any.whl").write_bytes(_zip(files))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands in for the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    return folder


def test_member_of_a_wheel(index: Path, tmp_path: Path, dead: str) -> None:
    _wheel(index, {f"toy_data/{name}": data for name, data in CONTENT.items()})
    asset = _asset(Url(dead + "/{file}"), WheelMember("toy-data", "1.0", "toy_data/"))
    assert _holds(fetch(asset))
    assert _left(tmp_path / "cache") == [".verified.json", "big.bin", "small.txt"]
    assert "toy_data" not in sys.modules


def test_reasons_of_pip(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = _asset(WheelMember("toy-data", "1.0", "toy_data/"))
    with pytest.raises(AssetError, match=r"wheel toy-data 1\.0: pip says: No matching distribution found for toy-data==1\.0"):
        fetch(asset)
    command = [sys.executable, "-c", "import sys; sys.exit('/usr/bin/python: No module named pip')"]
    monkeypatch.setattr(sources, "pip_commands", lambda: [command])
    with pytest.raises(AssetError, match="pip is not installed; run: python -m ensurepip"):
        fetch(asset)
    code = "import sys; print('WARNING: Retrying after connection broken by X', file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr(sources, "pip_commands", lambda: [command, [sys.executable, "-c", code]])
    with pytest.raises(AssetError, match="the package index cannot be reached"):
        fetch(asset)


def test_offline(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = _asset(Url(server.url + "/{file}"))
    monkeypatch.setenv("PENCHANT_OFFLINE", "1")
    with pytest.raises(AssetError) as caught:
        fetch(asset)
    home = cache_folder() / "assets" / "thing" / "plain"
    assert str(caught.value) == (
        f"asset thing: no source could give it ({server.url[7:]}: not tried, as PENCHANT_OFFLINE is set); "
        f"unset PENCHANT_OFFLINE; or put big.bin, part/small.txt into {home}; "
        "or set PENCHANT_CACHE to the cache folder of a machine that has it"
    )
    assert server.asked == []
    for name, data in CONTENT.items():  # as the message says
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(data)
    assert fetch(asset) == home
    (home / "big.bin").write_bytes(b"wrong")
    with pytest.raises(AssetError, match="no source"):
        fetch(asset)


@pytest.mark.parametrize("kind", ["zip", "wheel"])
def test_offline_with_an_archive_laid_down_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("PENCHANT_OFFLINE", "1")
    packed = _zip(CONTENT, "toy_data/")
    source = (
        UrlZip("http://x/set.zip", _pin("set.zip", packed), "toy_data/") if kind == "zip" else WheelMember("toy-data", "1.0", "toy_data/")
    )
    asset = _asset(source)
    folder = tmp_path / "cache" / "assets" / "thing" / "downloads"
    with pytest.raises(AssetError) as caught:
        fetch(asset)
    assert str(folder) in caught.value.remedy and source.by_hand is not None and source.by_hand in caught.value.remedy
    folder.mkdir(parents=True)
    name = "set.zip" if kind == "zip" else "toy_data-1.0-py3-none-any.whl"
    (folder / name).write_bytes(packed)
    assert _holds(fetch(asset))
    assert (folder / name).exists()  # the person's own copy stays


def test_variants(server: Server, dead: str) -> None:
    """The second form is taken when the first cannot be had, and stays when the first could be had later."""
    second = _pin("renamed.bin", BIG)
    server.pages["/renamed.bin"] = BIG

    def asset(first: str) -> Asset:
        variants = (Variant("first", FILES, (Url(first + "/{file}"),)), Variant("second", (second,), (Url(server.url + "/{file}"),)))
        return Asset("thing", variants, licence="")

    folder = fetch(asset(dead))
    assert folder.name == "second" and (folder / "renamed.bin").read_bytes() == BIG
    assert fetch(asset(server.url)) == folder and fetch(asset(server.url), verify=True) == folder


def test_many_at_once_fetch_once(server: Server) -> None:
    asset = _asset(Url(server.url + "/{file}"))
    folders: list[Path] = []
    threads = [threading.Thread(target=lambda: folders.append(fetch(asset))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(folders) == 6 and len(set(folders)) == 1 and _holds(folders[0])
    assert len(server.asked) == 2


def test_a_full_disk_is_told_apart_from_a_bad_source(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Callable[..., Any] = Path.open

    def full(self: Path, mode: str = "r", **named: Any) -> Any:
        place = Path("/dev/full") if self.suffix == ".part" and mode != "rb" else self
        return opened(place, mode, **named)

    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full, which this system has not")
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(StorageError, match=r"No space left.*free some space"):
        fetch(_asset(Url(server.url + "/{file}"), Url(server.url + "/{file}")))


def test_bad_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"asset='movies'.*use one of: ml-100k, complete-journey, minilm, smollm2"):
        fetch("movies")
    for text in ("soon", "-1", "nan", "0"):
        monkeypatch.setenv("PENCHANT_CONNECT_SECONDS", text)
        with pytest.raises(InputError, match="PENCHANT_CONNECT_SECONDS"):
            connect_seconds()


def test_place_of_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("PENCHANT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder() == tmp_path / "xdg" / "penchant"
    monkeypatch.setattr(sys, "platform", "win32")
    assert cache_folder() == tmp_path / "local" / "penchant" / "cache"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "penchant"


def test_pins_are_well_formed() -> None:
    assert list(ASSETS) == ["ml-100k", "complete-journey", "minilm", "smollm2"]
    for asset in ASSETS.values():
        assert asset.licence
        assert len({variant.name for variant in asset.variants}) == len(asset.variants)
        for variant in asset.variants:
            assert variant.sources and variant.files and len({file.name for file in variant.files}) == len(variant.files)
            for file in variant.files:
                assert len(file.sha256) == 64 and int(file.sha256, 16) and file.size > 0
    assert json.dumps(sorted(file.name for file in ASSETS["ml-100k"].variants[0].files)) == '["u.data", "u.item", "u.user"]'

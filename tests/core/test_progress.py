from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from rich.console import Console

from penchant.core import progress as module
from penchant.core.progress import (
    PlainReporter,
    Progress,
    SilentReporter,
    TerminalReporter,
    duration,
    note,
    progress,
    quiet,
    set_reporter,
    stage,
    track,
)


@pytest.fixture(autouse=True)
def plain() -> Iterator[None]:
    old = set_reporter(PlainReporter(every_seconds=0.1))
    yield
    set_reporter(old)


class Recorder(SilentReporter):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def begin(self, bar: Progress) -> None:
        self.seen.append(("begin", bar.description))

    def end(self, bar: Progress, failed: bool) -> None:
        self.seen.append(("failed" if failed else "end", f"{bar.description} {bar.done}"))

    def note(self, message: str) -> None:
        self.seen.append(("note", message))


def test_track_passes_everything_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(2500), "count", unit="items")) == list(range(2500))
    assert list(track((n for n in "ab"), "letters")) == ["a", "b"]
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert re.fullmatch(r"count: 2,500 items in \d\.\d s \([\d,]+/s\)", first)
    assert second.startswith("letters: 2 in 0.0 s")


def test_plain_lines_are_few_and_tell_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("train", total=1000, unit="steps") as bar:
        for _ in range(40):
            time.sleep(0.01)
            bar.update(5, loss=0.123456, epoch=2)
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 7  # at most one in a tenth of a second, and the last
    assert re.fullmatch(r"train: \d+/1,000 steps, \d+/s, \d\.\d s left, loss 0\.1235, epoch 2", lines[0])
    assert re.fullmatch(r"train: 200 steps in 0\.\d s \(\d+/s\), loss 0\.1235, epoch 2", lines[-1])


def test_stage_says_what_and_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    with stage("learn codes"):
        assert capsys.readouterr().err == "learn codes ...\n"
        time.sleep(0.11)
    assert re.fullmatch(r"learn codes: 0\.[1-9] s\n", capsys.readouterr().err)


def test_failures_and_early_leaving() -> None:
    recorder = Recorder()
    set_reporter(recorder)
    with pytest.raises(ZeroDivisionError), stage("a"), progress("b", 3) as bar:
        bar.update()
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt), stage("c"):
        raise KeyboardInterrupt
    loop = track([1, 2, 3], "d")
    next(loop)
    next(loop)
    loop.close()  # type: ignore[attr-defined]
    note("hello")
    starts = [("begin", name) for name in "ab"]
    assert recorder.seen == [
        *starts,
        ("failed", "b 1"),
        ("failed", "a 0"),
        ("begin", "c"),
        ("failed", "c 0"),
        ("begin", "d"),
        ("end", "d 1"),
        ("note", "hello"),
    ]


def test_words_of_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError), progress("x", unit="rows") as bar:
        bar.update(3)
        raise ValueError
    with pytest.raises(ValueError), stage("y"):
        raise ValueError
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("x: 3 rows in 0.0 s") and lines[0].endswith(", stopped")
    assert lines[-1] == "y: stopped after 0.0 s"


def test_quiet_and_set_reporter(capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder()
    assert isinstance(set_reporter(recorder), PlainReporter)
    with quiet():
        note("unheard")
        assert list(track([1], "x")) == [1]
    note("heard")
    assert recorder.seen == [("note", "heard")]
    assert capsys.readouterr().err == ""


def test_counts_from_many_threads() -> None:
    with quiet(), progress("x", total=8000) as bar:
        threads = [threading.Thread(target=lambda: [bar.update() for _ in range(1000)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert bar.done == 8000


def test_bars_on_a_terminal() -> None:
    screen = io.StringIO()
    set_reporter(TerminalReporter(Console(file=screen, force_terminal=True, width=120, color_system=None)))
    with stage("all [bold]"), progress("train", total=10, unit="steps") as bar:
        for _ in range(10):
            time.sleep(0.02)
            bar.update(loss=1.5)
        note("a note [x]")
    text = screen.getvalue()
    assert "all [bold]" in text and "a note [x]\n" in text  # brackets are no mark-up
    assert re.search(r"train +━.*/10 steps, \d+/s, 0\.\d s left, loss 1\.5", text)
    assert re.search(r"train: 10 steps in 0\.\d s", text)
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor comes back


def test_a_process_without_terminal_writes_plain_lines_to_standard_error() -> None:
    code = "from penchant.core.progress import *\nwith stage('work'): note('inside')\nprint('result')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "result\n"
    assert done.stderr.splitlines()[:2] == ["work ...", "inside"]


def test_a_closed_standard_error_does_not_end_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (closed, None):
        monkeypatch.setattr(module.sys, "stderr", stream)
        assert list(track([1, 2], "x")) == [1, 2]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (3.21, "3.2 s"), (59.9, "59 s"), (60, "1 min 0 s"), (125, "2 min 5 s"), (3725, "1 h 2 min")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text

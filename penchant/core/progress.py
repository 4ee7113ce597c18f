"""Progress: what runs now, how fast, and how long it still takes. Everything goes to standard error.

On a terminal there are bars; elsewhere (CI logs, files) plain lines, at most one every few seconds for each loop.

    with stage("learn codes"):
        for batch in track(batches, "encode", unit="items"):
            ...
    with progress("train", total=steps, unit="steps") as bar:
        bar.update(1, loss=0.31)

``quiet()`` silences it, ``set_reporter`` sends it elsewhere.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

T = TypeVar("T")
_RATE_WINDOW_SECONDS = 30.0
_LOOK_SECONDS = 0.05


class Progress:
    """One running loop or stage. Made by ``progress``, ``track`` or ``stage``; ``update`` may be called from threads.

    Attributes:
        description: What runs.
        total: How many units there will be, or ``None`` if nobody knows.
        unit: What is counted, in the plural, for example ``"steps"``; ``None`` for a stage, which counts nothing.
        done: Units done so far.
        shown: The newest value of everything shown beside the count.
    """

    def __init__(self, description: str, total: int | None, unit: str | None, reporter: Reporter) -> None:
        self.description = description
        self.total = total
        self.unit = unit
        self.done = 0
        self.shown: dict[str, object] = {}
        self._reporter = reporter
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._samples: deque[tuple[float, int]] = deque([(self._start, 0)])
        self._looked = self._start

    def update(self, n: int = 1, **shown: object) -> None:
        """Count ``n`` more units and show values, for example ``loss=0.31``."""
        now = time.monotonic()
        with self._lock:
            self.done += n
            if shown:
                self.shown.update(shown)
            if now - self._looked < _LOOK_SECONDS:
                return
            self._looked = now
            self._samples.append((now, self.done))
            while len(self._samples) > 2 and now - self._samples[1][0] > _RATE_WINDOW_SECONDS:
                self._samples.popleft()
        self._reporter.refresh(self)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def rate(self) -> float:
        """Units a second over the last half minute."""
        then, count = self._samples[0]
        return (self.done - count) / max(time.monotonic() - then, 1e-9)

    def status(self) -> str:
        """The count, rate, time left and shown values in one line."""
        parts: list[str] = []
        if self.unit is not None:
            rate = self.rate()
            of_total = "" if self.total is None else f"/{self.total:,}"
            parts += [f"{self.done:,}{of_total} {self.unit}".rstrip(), _rate_text(rate)]
            if self.total is not None and rate > 0:
                parts.append(f"{duration(max(self.total - self.done, 0) / rate)} left")
        return ", ".join([part for part in parts if part] + self._values())

    def summary(self, failed: bool) -> str:
        """What to say at the end."""
        text = f"{self.description}: "
        if self.unit is not None:
            text += f"{self.done:,} {self.unit}".rstrip() + " in "
        elif failed:
            text += "stopped after "
        text += duration(self.seconds)
        if self.unit is not None:
            text += f" ({_rate_text(self.done / max(self.seconds, 1e-9))})" if self.done else ""
            text += ", stopped" if failed else ""
        return ", ".join([text, *self._values()])

    def _values(self) -> list[str]:
        return [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in list(self.shown.items())]


class Reporter(Protocol):
    """Where progress goes."""

    def begin(self, bar: Progress) -> None:
        """``bar`` starts."""
        ...

    def refresh(self, bar: Progress) -> None:
        """``bar`` moved; called up to twenty times a second for each bar."""
        ...

    def end(self, bar: Progress, failed: bool) -> None:
        """``bar`` ended, by an exception if ``failed``."""
        ...

    def note(self, message: str) -> None:
        """Say one line."""
        ...


class SilentReporter:
    """Says nothing."""

    def begin(self, bar: Progress) -> None: ...

    def refresh(self, bar: Progress) -> None: ...

    def end(self, bar: Progress, failed: bool) -> None: ...

    def note(self, message: str) -> None: ...


class PlainReporter:
    """Plain lines for logs: when a stage starts, every ``every_seconds`` of a loop, and at each end."""

    def __init__(self, every_seconds: float = 5.0) -> None:
        self._every = every_seconds
        self._said: dict[int, float] = {}

    def begin(self, bar: Progress) -> None:
        self._said[id(bar)] = time.monotonic()
        if bar.unit is None:
            self.note(f"{bar.description} ...")

    def refresh(self, bar: Progress) -> None:
        now = time.monotonic()
        if now - self._said.get(id(bar), now) >= self._every:
            self._said[id(bar)] = now
            self.note(f"{bar.description}: {bar.status()}")

    def end(self, bar: Progress, failed: bool) -> None:
        self._said.pop(id(bar), None)
        self.note(bar.summary(failed))

    def note(self, message: str) -> None:
        with suppress(OSError, ValueError, AttributeError):  # a closed or absent standard error must not end the work
            sys.stderr.write(message + "\n")
            sys.stderr.flush()


class TerminalReporter:
    """Bars at the bottom of a terminal; notes and ends scroll above them."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._lock = threading.RLock()
        self._tasks: dict[int, TaskID] = {}
        self._screen: RichProgress | None = None

    def begin(self, bar: Progress) -> None:
        with self._lock:
            if self._screen is None:
                columns = (SpinnerColumn("line"), TextColumn("{task.description}", markup=False), BarColumn(24), TimeElapsedColumn())
                status = TextColumn("{task.fields[status]}", markup=False)
                # Standard output stays what the program writes there: it may be a pipe that someone reads.
                self._screen = RichProgress(*columns, status, console=self._console, transient=True, redirect_stdout=False)
                self._screen.start()
            self._tasks[id(bar)] = self._screen.add_task(bar.description, total=bar.total, status="")

    def refresh(self, bar: Progress) -> None:
        with self._lock:
            if self._screen is not None and id(bar) in self._tasks:
                self._screen.update(self._tasks[id(bar)], completed=bar.done, status=bar.status())

    def end(self, bar: Progress, failed: bool) -> None:
        with self._lock:
            task = self._tasks.pop(id(bar), None)
            if self._screen is not None and task is not None:
                self._screen.remove_task(task)
                if not self._tasks:
                    self._screen.stop()
                    self._screen = None
            self.note(bar.summary(failed))

    def note(self, message: str) -> None:
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)


_reporter: Reporter | None = None
_choice = threading.Lock()


def set_reporter(reporter: Reporter | None) -> Reporter | None:
    """Send all progress of this process to ``reporter`` (``None``: choose by what standard error is). Returns the old one."""
    global _reporter
    with _choice:
        old, _reporter = _reporter, reporter
        return old


@contextmanager
def quiet() -> Iterator[None]:
    """No progress at all inside the block, in every thread: for tests and servers."""
    old = set_reporter(SilentReporter())
    try:
        yield
    finally:
        set_reporter(old)


@contextmanager
def progress(description: str, total: int | None = None, *, unit: str = "") -> Iterator[Progress]:
    """Show a bar during the block, which calls ``update`` on it."""
    with _shown(description, total, unit) as bar:
        yield bar


@contextmanager
def stage(description: str) -> Iterator[Progress]:
    """Say what runs during the block, and at its end how long it took. ``update(0, name=value)`` shows values."""
    with _shown(description, None, None) as bar:
        yield bar


def track(iterable: Iterable[T], description: str, total: int | None = None, *, unit: str = "") -> Iterator[T]:
    """Pass ``iterable`` on while a bar shows how far it is. ``total`` is its length where it has one."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with progress(description, total, unit=unit) as bar:
        for element in iterable:
            yield element
            bar.update()


def note(message: str) -> None:
    """Say one line."""
    _current().note(message)


def duration(seconds: float) -> str:
    """A time for people: ``"3.2 s"``, ``"2 min 5 s"``, ``"1 h 2 min"``."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{min(round(seconds), 59)} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def _shown(description: str, total: int | None, unit: str | None) -> Iterator[Progress]:
    reporter = _current()
    bar = Progress(description, total, unit, reporter)
    reporter.begin(bar)
    failed = True
    try:
        yield bar
        failed = False
    except GeneratorExit:  # the caller of track() left its loop early: nothing failed
        failed = False
        raise
    finally:
        reporter.end(bar, failed)


def _rate_text(rate: float) -> str:
    if rate <= 0:
        return ""
    if rate < 1:
        return f"{duration(1 / rate)} each"
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"


def _current() -> Reporter:
    global _reporter  # noqa: PLW0603
    with _choice:
        if _reporter is None:
            console = Console(stderr=True)
            _reporter = TerminalReporter() if console.is_terminal and not console.is_dumb_terminal else PlainReporter()
        return _reporter

"""A near-line worker in a process of its own. It follows the log, and changes over when another release becomes live on its shelf."""

from __future__ import annotations

import signal
import threading
from contextlib import closing, nullcontext
from pathlib import Path

import torch

from penchant.core.errors import ArtifactError, require
from penchant.core.progress import note, stage
from penchant.models.dense_head import DenseHead
from penchant.pipeline.release import Release, load_release
from penchant.pipeline.shelf import Shelf, release_at
from penchant.serve.backends import opened
from penchant.serve.brokers import Brokers
from penchant.serve.head_vectors import HeadVectors
from penchant.serve.live_adapter import LiveAdapter
from penchant.serve.near_line import NearLine
from penchant.serve.open_telemetry import Traces
from penchant.serve.portraits.fitted import fitted
from penchant.serve.portraits.kept import StoredPortraits
from penchant.serve.state import LiveState
from penchant.serve.stored_events import StoredEvents
from penchant.serve.swap import Current, Following
from penchant.serve.user_vectors import UserVectors


class Refreshing:
    """What a worker does with one release: it counts by its categories, and keeps vectors of users and head items, and portraits, fresh.

    The place in the log is no part of it, so it may change while the log is followed.

    Args:
        release: Gives the catalogue and the model.
        near_line: Follows the log.
        adapts: Whether it learns a change to all users' vectors from events.
    """

    def __init__(self, release: Release, near_line: NearLine, *, adapts: bool = False) -> None:
        self.release, self.near_line = release, near_line
        catalog, store = release.space.catalog, near_line.store
        choices = near_line.worker.choices  # a vector is made of what a person lets be known
        state = LiveState(catalog, release.users, release.histories, StoredEvents(store), positions=release.positions, choices=choices)
        head = DenseHead(release.tandem)
        self._vectors = UserVectors(store, head, release.id, state.history, starts=False)
        self._listeners = [HeadVectors(store, self._vectors, catalog.items, head.items, near_line.tiers).saw]
        if adapts:
            self._listeners.insert(0, LiveAdapter(store, self._vectors, catalog.items, head.items).saw)
        self._portraits = StoredPortraits(store, fitted(release), release.id, state, starts=False)
        self._listeners.append(self._portraits.saw)
        self._stop = threading.Event()
        runs = {"user vectors": self._vectors.run, "portraits": self._portraits.run}
        self._threads = [threading.Thread(target=run, args=(self._stop,), name=name, daemon=True) for name, run in runs.items()]
        near_line.know(catalog)
        near_line.listeners += self._listeners
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End after the batches that are under way."""
        self.near_line.listeners = [told for told in self.near_line.listeners if told not in self._listeners]
        self._stop.set()
        for refreshed in (self._vectors, self._portraits):
            refreshed.close()
        for thread in self._threads:
            thread.join()


def work(
    release_folder: Path,
    *,
    data_dir: Path,
    redis: str | None = None,
    kafka: str | Brokers | None = None,
    partitions: list[int] | None = None,
    replay: bool = False,
    adapts: bool = False,
    traces: str | None = None,
    otherwise: Path | None = None,
) -> None:
    """Run a near-line worker alone, until Ctrl-C or a termination signal; and refresh the vectors of users.

    Args:
        release_folder: Gives the categories that interests are counted by, and the model of the vectors; or a shelf, whose live
            release does, and any other that becomes live later.
        data_dir: Where event log and state lie, as far as they are files.
        redis: Server of the state.
        kafka: Brokers of the log.
        partitions: Of the log that it follows; all by default.
        replay: Forget what follows from these, and read them from their beginning.
        adapts: Whether it learns a change to all users' vectors from events; servers use it that are told to adapt.
        traces: URL of a collector of OpenTelemetry traces.
        otherwise: Folder of the release to begin with where the live one of a shelf cannot be loaded: a server may still have an older.

    Raises:
        ArtifactError: The release or a file is damaged.
        StorageError: A server does not answer, or the disk refused.
        InputError: There is no such partition, a part of the log is to be replayed, or ``traces`` is no address.
    """
    require(not (replay and partitions), f"partitions {partitions}", "all of them are replayed at once", "leave --partition out")
    place = Path(release_folder)
    folder, shelf = release_at(place), Shelf(place) if Shelf.at(place) else None
    with stage(f"Loading {folder}"):
        try:
            release = load_release(folder)
        except ArtifactError:
            if otherwise is None or shelf is None:
                raise
            release = load_release(otherwise)
    torch.set_num_threads(1)  # beside servers on the same cores
    with (
        nullcontext() if traces is None else closing(Traces.to(traces)) as told,
        opened(data_dir, redis=redis, kafka=kafka) as (log, store),
    ):
        there = log.begin()
        unknown = sorted(set(partitions or ()) - set(there))
        require(not unknown, f"partitions {unknown}", f"the log has {len(there)}, from 0", "pass some of these")
        near_line = NearLine(log, store, partitions=partitions)
        if told is not None:
            near_line.worker.told = told.batch
        if replay:
            with stage("Forgetting what follows from the log"):
                near_line.worker.replay()
        stop = threading.Event()
        for ending in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ending, lambda *_: stop.set())
        current = Current(Refreshing(release, near_line, adapts=adapts))
        following = None if shelf is None else Following(shelf, current, lambda release: Refreshing(release, near_line, adapts=adapts))
        if following is not None:
            following.start()
        note(f"The worker follows {len(partitions or there)} of {len(there)} partitions (Ctrl-C ends)")
        near_line.worker.run(stop)
        if following is not None:
            following.stop()
        current.service.close()
    note(f"The worker has ended, after {near_line.worker.progress.events:,} events")

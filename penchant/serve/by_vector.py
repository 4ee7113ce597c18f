"""The generator over stored vectors: a read and a search in place of a network's pass over the history.

Letters: B rows, k places, N items, V width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch.nn import functional as F

from penchant.contracts import TopK
from penchant.data.histories import Histories
from penchant.models.dense_head import DenseHead
from penchant.pipeline.filled import filled
from penchant.pipeline.indexed import LARGE, open_items
from penchant.pipeline.release import Release
from penchant.ranking import check_request, exclude_, top_k
from penchant.search.approximate import FlatIndex, ItemIndex, IVFPQIndex, IVFPQSettings
from penchant.serve.head_vectors import HeadVectors, Live
from penchant.serve.live_adapter import LiveAdapter
from penchant.serve.state import LiveState
from penchant.serve.stores import StateStore
from penchant.serve.tiers import Tiers
from penchant.serve.user_vectors import Encoder, Read, UserVectors
from penchant.users.layers import MEAN, Layer, LayerSettings, merged, weights


class ByVector:
    """The items that a user's stored vector says, as the dense head would say them for the history it was made of.

    A vector that has seen everything is used as it is. One that is stale or missing is put together with what the release
    knows, the mean of the vectors of the user's items, which counts a quarter as much (``penchant.users.layers``). Who has neither
    is named nothing.

    Args:
        vectors: Of users.
        head: Has the vectors of the N items.
        index: Over these, in code order.
        user_id: Who is meant by a number among ``Histories.users``.
        released: Histories of the release, in code order of its users.
        layers: How the two are weighed.
        heads: Items with vectors of their own at present, which count in place of the index's.
        adapter: Changes all users' vectors as events teach it; None leaves them.
    """

    def __init__(
        self,
        vectors: UserVectors,
        head: DenseHead,
        index: ItemIndex,
        user_id: Callable[[int], str | None],
        released: Histories,
        *,
        layers: LayerSettings | None = None,
        heads: HeadVectors | None = None,
        adapter: LiveAdapter | None = None,
    ) -> None:
        self.vectors, self.head, self.index, self.num_items = vectors, head, index, head.num_items
        self.user_id, self.released, self.layers, self.heads = user_id, released, layers or LayerSettings(), heads
        self.adapter = adapter

    @classmethod
    def of(
        cls,
        release: Release,
        store: StateStore,
        state: LiveState,
        tiers: Tiers,
        *,
        encoder: Encoder | None = None,
        adapts: bool = False,
        **how: Any,
    ) -> Self:
        """Over a release, by its Tandem.

        Args:
            release: Gives model and catalogue.
            store: Of vectors.
            state: Histories of users.
            tiers: Tell the head items.
            encoder: Makes the vectors in Tandem's place.
            adapts: Whether a change to all users' vectors is learnt from events and used.
            how: Further arguments of ``UserVectors``.
        """
        head = DenseHead(release.tandem)
        index = FlatIndex() if head.num_items <= LARGE else IVFPQIndex(IVFPQSettings(width_per_code=2 - head.items.shape[1] % 2))
        index.add(head.items)
        vectors = UserVectors(store, encoder or head, release.id, state.history, **how)
        items = release.space.catalog.items
        heads = HeadVectors(store, vectors, items, head.items, tiers)
        adapter = LiveAdapter(store, vectors, items, head.items) if adapts else None
        return cls(vectors, head, index, state.user_id, release.histories, heads=heads, adapter=adapter)

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k items a row with the largest inner products; nothing in rows of nobody in particular and without a vector.

        Raises:
            InputError: See ``Retriever``.
            StorageError: The store cannot be read.
        """
        check_request(histories, k, self.num_items, exclude)
        queries, rows = self._queries(histories)
        lists = filled((), len(histories), k)
        if not len(rows):
            return lists
        left_out = None if exclude is None else exclude.take(rows)
        live = None if self.heads is None else self.heads.current()
        if live is not None and not len(live.codes):
            live = None

        def exactly(row: int) -> TopK:
            scores = F.pad(torch.from_numpy(self.head.items @ queries[row]), (1, 0))[None]
            if live is not None:
                scores[0, live.codes] = torch.from_numpy(live.vectors @ queries[row])
            return top_k(exclude_(scores, None if left_out is None else left_out.take(np.array([row]))), k)

        nearest = self.index.search(queries, min(2 * k + (0 if live is None else len(live.codes)), self.num_items))
        found = open_items(nearest if live is None else _with(live, nearest, queries), k, left_out, exactly)
        lists.items[rows], lists.scores[rows] = found.items, found.scores
        return lists

    @property
    def listeners(self) -> list[Callable[[Sequence[tuple[str, str]]], object]]:
        """Who wants (item id, user id) of what was just done: the change to users' vectors, and the vectors of head items."""
        return [one.saw for one in (self.adapter, self.heads) if one is not None]

    def vector(self, code: int, read: Read | None) -> np.ndarray | None:
        """float32[V] of a user by number and by what is stored; None where nothing is known."""
        return read.vector.values if read is not None and read.fresh else merged(self._layers(code, read), self.layers)

    def weights(self, code: int, read: Read | None) -> tuple[float, float]:
        """What the release and the stored vector say in that, together 1; 0 and 0 where nothing is known."""
        if read is not None and read.fresh:
            return 0.0, 1.0
        offline, near_line = weights(self._layers(code, read), self.layers)
        return offline, near_line

    def _layers(self, code: int, read: Read | None) -> list[Layer | None]:
        near_line = None if read is None else Layer(read.vector.values, read.vector.events, read.vector.newest)
        return [self._offline(code), near_line]

    def _queries(self, histories: Histories) -> tuple[np.ndarray, np.ndarray]:
        """float32[R, V] and int64[R]: vectors, and the rows that have them."""
        users = {row: self.user_id(int(code)) for row, code in enumerate(histories.users) if histories.lengths[row]}
        named = {row: user for row, user in users.items() if user is not None}
        found = dict(zip(named, self.vectors.read(list(named.values())), strict=True)) if named else {}
        made = {row: self.vector(int(histories.users[row]), read) for row, read in found.items()}
        there = {row: vector for row, vector in made.items() if vector is not None}
        vectors = np.array(list(there.values()), np.float32)
        return vectors if self.adapter is None else self.adapter.adapted(vectors), np.array(list(there), np.int64)

    def _offline(self, code: int) -> Layer | None:
        if code <= 0:
            return None
        row = slice(self.released.offsets[code - 1], self.released.offsets[code])
        items = self.released.items[row]
        if not len(items):
            return None
        newest = int(self.released.times[row].max()) if self.released.timed else -1
        return Layer(self.head.items[items - 1].mean(axis=0), len(items), newest, MEAN)


def _with(live: Live, found: TopK, queries: np.ndarray) -> TopK:
    """The lists with the live vectors' scores for their items, of which every one takes part."""
    codes = np.broadcast_to(live.codes, (len(queries), len(live.codes)))
    kept = np.where(live.among[found.items], -np.inf, found.scores)
    scores, items = np.concatenate([kept, queries @ live.vectors.T], axis=1), np.concatenate([found.items, codes], axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")
    scores, items = np.take_along_axis(scores, order, axis=1), np.take_along_axis(items, order, axis=1)
    return TopK(np.where(np.isneginf(scores), 0, items).astype(np.int32), scores.astype(np.float32))

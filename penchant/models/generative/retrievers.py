"""Retrieval with Tandem's code head: generation alone, or merged with the dense head.

Letters: B rows, N items, C candidates, k places.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self, cast

import numpy as np
import torch
from torch import Tensor

from penchant.contracts import TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.models.generative.beam import listed
from penchant.models.generative.beam_filters import allowed_items
from penchant.models.generative.decoding import Search
from penchant.models.generative.depth import DepthHead
from penchant.models.generative.tandem import Tandem
from penchant.ranking import blocks_of, check_request, exclude_, join, tie_order, top_k

ROWS = 256  # beams of so many rows at a time
#: Weights of the code head in the common score that are tried on validation.
CODE_WEIGHTS = (0.0, 0.1, 0.2, 0.4, 0.8)


class CodeRetriever:
    """Generates the codes of the next item: by beam search over the trie, or all at once, as the model's head does.

    Args:
        model: A trained Tandem.
    """

    KIND = "tandem-codes"

    def __init__(self, model: Tandem) -> None:
        self.model, self.num_items = model, model.num_items

    def recommend(
        self,
        histories: Histories,
        k: int,
        *,
        exclude: Histories | None = None,
        allowed: np.ndarray | None = None,
        search: Search | None = None,
    ) -> TopK:
        """The k most probable generated items a row; scores are log-probabilities.

        Args:
            allowed: bool[N + 1], items that may come back in any row; None: all.
            search: Of a depth head, which decodes by beam search by default. What it finds is listed best first.

        Raises:
            InputError: See ``Retriever``; or ``allowed`` has another shape, or a search is given to a head that has none.
        """
        head = self.model.code_head
        find = head.best
        if search is not None:
            decodes = isinstance(head, DepthHead)
            require(decodes, f"a search for {type(head).__name__}", "only a depth head decodes by one", "leave it out")
            find = partial(cast(DepthHead, head).best, search=search)
        return _in_blocks(self.model, histories, k, exclude, allowed, lambda states, *left_out: listed(*find(states, k, *left_out), k))

    def save(self, folder: Path) -> None:
        """Write the model."""
        with write_artifact(folder, kind=self.KIND, settings={}) as out:
            self.model.save(out.path / "model")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore what ``save`` wrote."""
        read_artifact(folder, kind=cls.KIND)
        return cls(Tandem.load(folder / "model"))


class TandemRetriever:
    """Both heads: the best of each are put together and ranked by one score,
    log p_dense(item) + weight * log p_codes(item).

    Args:
        model: A trained Tandem.
        width: Candidates of each head.
        weight: How much the code head says in the common score.
    """

    KIND = "tandem-merged"

    def __init__(self, model: Tandem, *, width: int = 50, weight: float = 0.3) -> None:
        require(width >= 1, f"width={width}", "each head gives at least one candidate", "pass width>=1")
        self.model, self.width, self.weight, self.num_items = model, width, weight, model.num_items

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None, allowed: np.ndarray | None = None) -> TopK:
        """The k best items a row among those that either head found.

        Args:
            allowed: bool[N + 1], items that may come back in any row; None: all.

        Raises:
            InputError: See ``Retriever``; or ``allowed`` has another shape.
        """
        return _in_blocks(self.model, histories, k, exclude, allowed, lambda states, *left_out: self._block(states, k, *left_out))

    def _block(self, states: Tensor, k: int, exclude: Histories | None, allowed: Tensor | None) -> TopK:
        logits = self.model.score_states(states)
        logits[:, 0] = -torch.inf  # the padding takes no part in the softmax
        chances = exclude_(logits.log_softmax(dim=1), exclude)
        if allowed is not None:
            chances.masked_fill_(~allowed, -torch.inf)
        if self.weight == 0:  # then the code head changes nothing
            return top_k(chances, k)
        count = min(max(self.width, k), self.num_items)
        generated, _ = self.model.code_head.best(states, count, exclude, allowed)
        candidates = torch.cat([generated, torch.from_numpy(top_k(chances, count).items).long()], dim=1)
        codes = self.model.code_head.chances(states, candidates)
        scores = chances.gather(1, candidates) + self.weight * codes
        return _best_distinct(candidates.numpy(), scores.numpy(), k, self.num_items)

    def save(self, folder: Path) -> None:
        """Write the model, the width and the weight."""
        with write_artifact(folder, kind=self.KIND, settings={"width": self.width, "weight": self.weight}) as out:
            self.model.save(out.path / "model")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore what ``save`` wrote."""
        saved = read_artifact(folder, kind=cls.KIND)
        return cls(Tandem.load(folder / "model"), **{key: saved.manifest.settings[key] for key in ("width", "weight")})


@torch.no_grad()
def _in_blocks(
    model: Tandem,
    histories: Histories,
    k: int,
    exclude: Histories | None,
    allowed: np.ndarray | None,
    one: Callable[[Tensor, Histories | None, Tensor | None], TopK],
) -> TopK:
    check_request(histories, k, model.num_items, exclude)
    open_items, states = allowed_items(allowed, model.num_items), model.states(histories)
    blocks = []
    for block in blocks_of(len(histories), model.num_items, most=ROWS):
        rows = np.arange(block.start, block.stop)
        blocks.append(one(states[block], None if exclude is None else exclude.take(rows), open_items))
    return join(blocks, k)


def _best_distinct(candidates: np.ndarray, scores: np.ndarray, k: int, num_items: int) -> TopK:
    """The k best of candidates int[B, C] that may repeat an item (with equal scores)."""
    order = np.argsort(candidates, axis=1, kind="stable")
    ordered = np.take_along_axis(candidates, order, axis=1)
    repeated = np.zeros_like(ordered, bool)
    repeated[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    values = np.where(repeated, -np.inf, np.take_along_axis(scores, order, axis=1)).astype(np.float32)
    best = np.lexsort((tie_order(num_items)[ordered], -values), axis=-1)[:, :k]
    values = np.take_along_axis(values, best, axis=1)
    items = np.where(np.isneginf(values), 0, np.take_along_axis(ordered, best, axis=1))
    return listed(torch.from_numpy(items), torch.from_numpy(values), k)

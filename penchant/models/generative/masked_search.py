"""Search over codes without an order: partial tuples are filled slot by slot, and only those that a real item completes live on.

A hypothesis says by itself which slot is filled next, and its children differ in the code of that slot. So two hypotheses
never lead to one tuple: the search is a tree whatever the orders are, nothing has to be merged, and a beam of w finds w
tuples whenever there are so many, as over a trie. Each hypothesis keeps the list of the tuples that complete it. These
lists are disjoint, so those of a row are at most as long as the catalogue; they begin as sorted postings by (level, code).

Letters: B rows, w hypotheses, N items, U distinct tuples, L levels, K codes of a level, E entries of all lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from penchant.data.histories import Histories
from penchant.models.generative.masked_tuples import Allowance, CodeTuples, ranges
from penchant.ranking import tie_order

#: Log-probabilities of the codes of all slots: codes chosen so far int64[B, w, L], -1 where none is -> float32[B, w, L, K].
SlotLogProbs = Callable[[Tensor], Tensor]
#: How well a code goes with those chosen before: int64[B, w, L], and a slot and a code of each int64[B, w] -> float32[B, w].
Agreement = Callable[[Tensor, Tensor, Tensor], Tensor]


class _All:
    """The one hypothesis in which nothing is chosen: all open tuples complete it, and they are not written down."""

    def __init__(self, may: Allowance) -> None:
        self.may = may

    def real(self, slots: Tensor) -> Tensor:
        """bool[B, 1, K], whether the codes of slots int64[B, 1] lead to a tuple."""
        return (self.may.counts(slots[:, 0]) > 0)[:, None]

    def below(self, slots: Tensor, children: Tensor, scores: Tensor) -> _Some:
        """The lists of children int64[B, w], here codes of the slots, that have finite scores [B, w]."""
        tuples, (_, width) = self.may.of, children.shape
        owners = torch.nonzero(scores.reshape(-1) > -torch.inf).ravel()
        rows = owners // width
        slot, code = slots[rows, 0], children.reshape(-1)[owners]
        which, at = ranges(tuples.begins[slot, code], tuples.postings[slot, code])
        entries = tuples.posted[slot[which], at].long()
        kept = self.may.lets(rows[which], entries)
        return _Some(self.may, owners[which][kept], entries[kept])

    def best(self, chances: Tensor, scores: Tensor, places: int) -> tuple[Tensor, Tensor]:
        """Scores and tuples [B, p] of the best, by log-probabilities [B, 1, L, K] of what is not chosen yet and scores [B, 1]."""
        codes = self.may.of.tuples.long()
        levels = [chances[:, 0, level, codes[:, level]] for level in range(codes.shape[1])]
        totals = torch.stack(levels).sum(dim=0) + scores
        totals[:, ~self.may.open] = -torch.inf
        totals.view(-1)[self.may.shut] = -torch.inf
        return totals.topk(min(places, len(codes)), dim=1)


class _Some:
    """The lists of w hypotheses a row: entries int64[E] are tuples, owners int64[E] the hypotheses b * w + j they complete.

    Rows do not fall along the entries, and no row has a tuple twice.
    """

    def __init__(self, may: Allowance, owners: Tensor, entries: Tensor) -> None:
        self.may, self.owners, self.entries = may, owners, entries

    def real(self, slots: Tensor) -> Tensor:
        """bool[B, w, K], whether the codes of slots int64[B, w] lead to a tuple."""
        out = torch.zeros(slots.numel() * self.may.of.codebook, dtype=torch.bool)
        out[self._births(slots)] = True
        return out.view(*slots.shape, -1)

    def below(self, slots: Tensor, children: Tensor, scores: Tensor) -> _Some:
        """The lists of children int64[B, w'], numbers parent * K + code, that have finite scores [B, w']."""
        many = slots.shape[1] * self.may.of.codebook
        places = torch.full((len(slots) * many,), -1)
        alive = torch.nonzero(scores.reshape(-1) > -torch.inf).ravel()
        places[(torch.arange(len(slots))[:, None] * many + children).reshape(-1)[alive]] = alive
        owners = places[self._births(slots)]
        return _Some(self.may, owners[owners >= 0], self.entries[owners >= 0])

    def best(self, chances: Tensor, scores: Tensor, places: int) -> tuple[Tensor, Tensor]:
        """Scores and tuples [B, p] of the best, by log-probabilities [B, w, L, K] of what is not chosen yet and scores [B, w]."""
        table, codes, rows = chances.flatten(0, 1), self.may.of.tuples, len(scores)
        totals = scores.reshape(-1)[self.owners]
        for level in range(codes.shape[1]):
            totals = totals + table[self.owners, level, codes[self.entries, level]]
        row = self.owners // scores.shape[1]
        counts = torch.bincount(row, minlength=rows)
        longest = int(counts.max())
        at = row * longest + torch.arange(len(row)) - (counts.cumsum(0) - counts)[row]  # side by side, so that one top-k serves all rows
        side = torch.full((rows * longest,), -torch.inf).index_put_((at,), totals)
        which = torch.zeros(rows * longest, dtype=torch.long).index_put_((at,), self.entries)
        found, best = side.view(rows, longest).topk(min(places, longest), dim=1)
        return found, which.view(rows, longest).gather(1, best)

    def _births(self, slots: Tensor) -> Tensor:
        """int64[E], the child that each entry completes when slots int64[B, w] are filled, as hypothesis * K + code."""
        return self.owners * self.may.of.codebook + self.may.of.tuples[self.entries, slots.view(-1)[self.owners]]


def schedule(levels: int, steps: int | None) -> list[int]:
    """Slots that each step fills: the rest shared evenly, larger shares first. As many steps as levels by default, and at most."""
    steps = min(steps or levels, levels)
    counts: list[int] = []
    for step in range(steps):
        counts.append(-(-(levels - sum(counts)) // (steps - step)))
    return counts


def next_slots(chances: Tensor, chosen: Tensor, count: int, *, adaptive: bool) -> Tensor:
    """int64[..., count], slots to fill next: the open ones whose best code is most probable, or the leftmost.

    Args:
        chances: float32[..., L, K], log-probabilities.
        chosen: int64[..., L], -1 where a slot is open.
        count: How many; as many have to be open.
        adaptive: By probability.
    """
    places = torch.arange(chosen.shape[-1], dtype=torch.float32, device=chosen.device)
    wish = chances.amax(dim=-1) if adaptive else -places.expand(chosen.shape)
    return wish.masked_fill(chosen >= 0, -torch.inf).argsort(dim=-1, descending=True, stable=True)[..., :count]


def masked_search(
    tuples: CodeTuples,
    rows: int,
    log_probs: SlotLogProbs,
    *,
    counts: Sequence[int],
    width: int,
    places: int,
    adaptive: bool = True,
    exclude: Histories | None = None,
    allowed: Tensor | None = None,
    agreement: Agreement | None = None,
    pruned: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """The most probable items of each row, as far as a beam of ``width`` finds them.

    The slots of a step are filled one after another with the probabilities the step began with, and the beam is cut after
    each. Those of the last step are filled together, by the tuples that are left; so a single step finds exactly the best.

    Args:
        tuples: Of all items.
        rows: B.
        log_probs: Asked once a step.
        counts: Slots each step fills; see ``schedule``.
        width: Hypotheses kept, w.
        places: Items wanted, at most N.
        adaptive: Whether a hypothesis fills its most confident slots first, or the leftmost.
        exclude: B rows of items that must not come back.
        allowed: bool[N + 1], items that may come back; None: all.
        agreement: By which ``pruned`` goes.
        pruned: Share of the hypotheses that is dropped for agreeing least with themselves; so many more compete that w are
            left all the same. Whole tuples are real items' and are not judged.

    Returns:
        items int64[B, places] best first (0 where none is left) and their log-probabilities float32[B, places] (``-inf`` there).
    """
    may = Allowance(tuples, rows, exclude, allowed)
    size, every = tuples.codebook, torch.arange(rows)[:, None]
    scores, chosen = torch.zeros(rows, 1), torch.full((rows, 1, tuples.levels), -1)
    lists: _All | _Some = _All(may)
    filled = 0
    for count in counts[:-1]:
        chances = log_probs(chosen)
        slots = next_slots(chances, chosen, count, adaptive=adaptive)
        source = torch.arange(chosen.shape[1]).expand(rows, -1)  # the hypothesis at the step's beginning that each comes from
        for place in range(count):
            slot = slots[every, source, place]
            children = scores[..., None] + chances[every, source, slot]
            children = children.masked_fill(~lists.real(slot), -torch.inf).flatten(1)
            judged = agreement is not None and filled > 0
            scores, born = children.topk(min(int(np.ceil(width / (1 - pruned))) if judged else width, children.shape[1]), dim=1)
            if agreement is not None and judged and scores.shape[1] > width:
                parents = born // size
                agrees = agreement(chosen[every, parents], slot.gather(1, parents), born % size)
                kept = agrees.masked_fill(torch.isneginf(scores), -torch.inf).topk(width, dim=1).indices.sort(dim=1).values
                scores, born = scores.gather(1, kept), born.gather(1, kept)
            alive = int((scores > -torch.inf).sum(dim=1).max()) if rows else 0
            if alive == 0:
                return torch.zeros(rows, places, dtype=torch.long), torch.full((rows, places), -torch.inf)
            scores, born = scores[:, :alive], born[:, :alive]
            lists = lists.below(slot, born, scores)
            parents = born // size
            source = source.gather(1, parents)
            chosen = chosen[every, parents].scatter(2, slot.gather(1, parents)[..., None], (born % size)[..., None])
            filled += 1
    chances = log_probs(chosen).masked_fill((chosen >= 0)[..., None], 0.0)  # what is chosen is paid for
    found, picked = lists.best(chances, scores, places)
    return _items(may, picked, found, places)


def _items(may: Allowance, picked: Tensor, found: Tensor, places: int) -> tuple[Tensor, Tensor]:
    """The first items of tuples int64[B, p] and their scores; items of one tuple tie, in the order ``penchant.ranking`` states."""
    row, column = torch.nonzero(found > -torch.inf, as_tuple=True)
    tuples = picked[row, column]
    which, at = ranges(may.of.first[tuples], may.of.held[tuples])
    items, row, scores = may.of.items[at].long(), row[which], found[row, column][which]
    keep = may.lets_item(row, items)
    items, row, scores = items[keep].numpy(), row[keep].numpy(), scores[keep].numpy()
    order = np.lexsort((tie_order(may.of.num_items)[items], -scores, row))
    counts = np.bincount(row, minlength=may.rows)
    place = np.arange(len(row)) - np.repeat(counts.cumsum() - counts, counts)
    shown = place < places
    out, values = np.zeros((may.rows, places), np.int64), np.full((may.rows, places), -np.inf, np.float32)
    out[row[order][shown], place[shown]] = items[order][shown]
    values[row[order][shown], place[shown]] = scores[order][shown]
    return torch.from_numpy(out), torch.from_numpy(values)

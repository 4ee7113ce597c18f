"""A beam search of one row that keeps what it held level by level, so that a person can watch it.

Letters: w beam, L levels, K_l codes of level l.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from penchant.core.errors import require
from penchant.models.generative.beam import LevelLogProbs
from penchant.models.generative.decoding import Plain, Task, check_width


@dataclass(frozen=True)
class Held:
    """A prefix in the beam.

    Attributes:
        codes: Those chosen so far.
        log_prob: Of all of them.
        kept: Whether a longer prefix that begins with it is in the beam of the next level; of a whole ID, True.
    """

    codes: tuple[int, ...]
    log_prob: float
    kept: bool


@dataclass
class Watched:
    """Beam search for one row, best first; afterwards ``levels`` says what it held.

    Args:
        width: Prefixes kept a level; a longer list widens it.
    """

    width: int = 10
    #: The beam after each level, most probable prefix first; L lists, or none where nothing is left.
    levels: list[list[Held]] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_width(self.width)

    def __call__(self, task: Task, places: int) -> tuple[Tensor, Tensor]:
        """See ``penchant.models.generative.decoding.Search``."""
        require(task.rows == 1, f"{task.rows} rows", "one search is watched at a time", "pass one history")
        seen: list[tuple[Tensor, Tensor]] = []

        def noting(rows: Tensor | slice) -> LevelLogProbs:
            of_level = task.log_probs(rows)

            def noted(chosen: Tensor) -> Tensor:
                seen.append((chosen[0], of_level(chosen)[0]))
                return seen[-1][1][None]

            return noted

        items, scores = Plain(self.width)(replace(task, log_probs=noting), places)
        found = items[0][items[0] > 0]
        ids = torch.from_numpy(task.trie.trie.path(found.numpy()).copy())  # nodes of the found items, level by level
        codes = task.trie.codes[ids - 1].long()
        self.levels = _levels(seen, codes) if len(found) else []
        return items, scores


def _levels(seen: list[tuple[Tensor, Tensor]], found: Tensor) -> list[list[Held]]:
    """The beams from what was asked: prefixes int64[w, l] and what followed float32[1 or w, K_l], and the codes found at last."""
    beams = [[tuple(row) for row in chosen.tolist()] for chosen, _ in seen[1:]] + [[tuple(row) for row in found.tolist()]]
    scores: dict[tuple[int, ...], float] = {(): 0.0}
    parents: dict[tuple[int, ...], int] = {(): 0}
    levels = []
    for level, beam in enumerate(beams):
        after = seen[level][1]
        scores |= {
            codes: scores[codes[:-1]] + float(after[min(parents[codes[:-1]], len(after) - 1), codes[-1]])
            for codes in beam
            if codes not in scores
        }
        parents = {codes: place for place, codes in enumerate(beam)}
        alive = {codes[:-1] for codes in beams[level + 1]} if level + 1 < len(beams) else set(beam)
        levels.append([Held(codes, scores[codes], codes in alive) for codes in beam])
    return levels

"""Small untrained heads with preferences as sharp as after training, for the tests of decoding."""

from __future__ import annotations

import numpy as np
import torch

from penchant.data.histories import Histories
from penchant.items.collisions import unique_codes
from penchant.models.generative.depth import DepthHead, DepthSettings
from penchant.models.generative.parallel import ParallelHead, ParallelSettings
from penchant.models.generative.tiger import Tiger, TigerSettings

SMALL = TigerSettings(width=16, layers=1, heads=2, inner=32, dropout=0.0, max_len=6)


def padded(codes: np.ndarray) -> np.ndarray:
    """int32[N + 1, L] with the row of padding."""
    return np.concatenate([np.full((1, codes.shape[1]), -1, np.int32), codes.astype(np.int32)])


def random_codes(seed: int, items: int, levels: int, codebook: int) -> np.ndarray:
    """int32[N + 1, L or L + 1], unique."""
    return padded(unique_codes(np.random.default_rng(seed).integers(0, codebook, (items, levels)).astype(np.int32)))


def depth_head(seed: int, items: int, levels: int = 2, codebook: int = 6, *, temperature: float = 0.125, beam: int = 1) -> DepthHead:
    torch.manual_seed(seed)
    return DepthHead(random_codes(seed, items, levels, codebook), 8, DepthSettings(temperature=temperature, beam=beam)).eval()


def parallel_head(seed: int, items: int, levels: int = 3, codebook: int = 5) -> ParallelHead:
    torch.manual_seed(seed)
    made = ParallelHead(random_codes(seed, items, levels, codebook), 8, ParallelSettings(part=3, temperature=0.1))
    for weight in made.parameters():
        torch.nn.init.normal_(weight)
    return made.eval()


def tiger(items: int, *, codebook: int = 5, settings: TigerSettings = SMALL) -> Tiger:
    torch.manual_seed(0)
    model = Tiger(random_codes(0, items, 2, codebook), settings)
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.3)
    return model.eval()


def left_out(seed: int, items: int, rows: int) -> tuple[Histories, np.ndarray]:
    """Random items excluded a row, and random items allowed at all, bool[N + 1], from hardly any to nearly all."""
    random = np.random.default_rng(seed)
    exclude = Histories.of([random.choice(items, random.integers(0, items + 1), replace=False) + 1 for _ in range(rows)])
    return exclude, random.random(items + 1) < random.random()


def may_come(exclude: Histories, allowed: np.ndarray) -> list[set[int]]:
    """The items that each row may be given."""
    everything = set((np.flatnonzero(allowed[1:]) + 1).tolist())
    return [everything - set(exclude.row(row).tolist()) for row in range(len(exclude))]


def check_lists(items: np.ndarray, scores: np.ndarray, wanted: list[set[int]], k: int) -> None:
    """Each row shows k valid items, or all there are, each once, and then nothing."""
    for row, good in enumerate(wanted):
        shown = items[row][np.isfinite(scores[row])].tolist()
        assert set(shown) <= good
        assert len(set(shown)) == len(shown) == min(k, len(good))
        assert not items[row][len(shown) :].any()

"""Spans of time as bucket numbers."""

from __future__ import annotations

import torch
from torch import Tensor

BUCKETS = 128  # of HSTU; spans up to 1.6e16 seconds, so what live events bring is far within


def log_buckets(seconds: Tensor, *, base: float = 0.301, buckets: int = BUCKETS) -> Tensor:
    """int64, floor(ln(max(1, seconds)) / base), at most ``buckets - 1`` (HSTU, arXiv:2402.17152, and its repository).

    Spans below a second, negative ones too, fall into bucket 0, endless ones into the last.
    """
    logs = torch.log(seconds.clamp(min=1).float()) / base
    return logs.clamp_(max=buckets - 1).long()

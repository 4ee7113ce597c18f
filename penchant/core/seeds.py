"""Seeds: one number makes a whole run repeatable."""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def generator(*parts: int) -> np.random.Generator:
    """A numpy generator for one purpose, from a seed and any further numbers (epoch, shard, ...)."""
    return np.random.default_rng([part % 2**63 for part in parts])

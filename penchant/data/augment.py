"""Views of histories for contrastive training: crop, mask, reorder, substitute. Whole batches at once, no loop over rows.

Xie et al., ICDE 2022, arXiv:2010.14395. A view has no targets. The start token stays where a view still begins at the
user's first event. Randomness is torch's.

Letters: B rows, T steps, N items, K neighbours, n events of a row (its start token is none).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import torch
from torch import Tensor

from penchant.core.errors import require
from penchant.data.batches import Batch

#: Makes a view of each row.
Augmentation = Callable[[Batch], Batch]


def crop(share: float) -> Augmentation:
    """A run of floor(share * n) events, at least one, from a random place."""
    _check("share", share)

    def made(batch: Batch) -> Batch:
        started, events = _events(batch)
        kept = (events * share).long().clamp(min=1).minimum(events)
        first = _below(events - kept + 1)
        begins = started * (first == 0)  # the start token says that nothing came before
        steps = torch.arange(batch.items.shape[1], device=batch.items.device)
        source = (steps + (first + started - begins)[:, None]).clamp(max=batch.items.shape[1] - 1)
        lengths = (kept + begins).clamp(min=1)
        valid = steps < lengths[:, None]
        moved = {name: getattr(batch, name).gather(1, source) * valid for name in ("items", "actions", "domains", "times")}
        return _view(batch, lengths=lengths, **moved)

    return made


def mask(share: float) -> Augmentation:
    """floor(share * n) events, drawn without replacement, lose their item: it becomes 0."""
    _check("share", share)

    def made(batch: Batch) -> Batch:
        started, events = _events(batch)
        draws = torch.rand(batch.items.shape, device=batch.items.device).masked_fill(~_is_event(batch, started), torch.inf)
        ranks = draws.argsort(dim=1).argsort(dim=1)
        return _view(batch, items=batch.items.masked_fill(ranks < (events * share).long()[:, None], 0))

    return made


def reorder(share: float) -> Augmentation:
    """A run of floor(share * n) events in random order; times stay where they were."""
    _check("share", share)

    def made(batch: Batch) -> Batch:
        started, events = _events(batch)
        count = (events * share).long()
        first = started + _below(events - count + 1)
        steps = torch.arange(batch.items.shape[1], device=batch.items.device)
        inside = (steps >= first[:, None]) & (steps < (first + count)[:, None])
        drawn = first[:, None] + torch.rand(batch.items.shape, device=batch.items.device) * count[:, None]
        source = torch.where(inside, drawn, steps.float()).argsort(dim=1, stable=True)
        return _view(batch, **{name: getattr(batch, name).gather(1, source) for name in ("items", "actions", "domains")})

    return made


def substitute(neighbours: Tensor, chance: float) -> Augmentation:
    """Each event's item, with some chance, becomes one of the item's neighbours.

    Args:
        neighbours: int64[N + 1, K], row 0 is not used.
        chance: In [0, 1].
    """
    _check("chance", chance)

    def made(batch: Batch) -> Batch:
        started, _ = _events(batch)
        chosen = torch.randint(neighbours.shape[1], batch.items.shape, device=batch.items.device)
        changed = _is_event(batch, started) & (batch.items > 0) & (torch.rand(batch.items.shape, device=batch.items.device) < chance)
        return _view(batch, items=torch.where(changed, neighbours.to(batch.items.device)[batch.items, chosen], batch.items))

    return made


def one_of(augmentations: Sequence[Augmentation]) -> Augmentation:
    """For each row one of several, drawn anew."""
    require(len(augmentations) > 0, "augmentations=[]", "a view is made somehow", "pass at least one")

    def made(batch: Batch) -> Batch:
        views = [augmentation(batch) for augmentation in augmentations]
        choice = torch.randint(len(views), (len(batch),), device=batch.items.device)
        rows = torch.arange(len(batch), device=batch.items.device)
        picked = {one.name: torch.stack([getattr(view, one.name) for view in views])[choice, rows] for one in fields(Batch)}
        return Batch(**picked)

    return made


def _events(batch: Batch) -> tuple[Tensor, Tensor]:
    """int64[B] each: whether a row begins with the start token, and its events."""
    started = (batch.items[:, 0] == 0).long()
    return started, batch.lengths - started


def _is_event(batch: Batch, started: Tensor) -> Tensor:
    """bool[B, T]."""
    steps = torch.arange(batch.items.shape[1], device=batch.items.device)
    return (steps >= started[:, None]) & (steps < batch.lengths[:, None])


def _below(limits: Tensor) -> Tensor:
    """int64[B], uniform in 0..limit - 1."""
    return (torch.rand(limits.shape, device=limits.device) * limits).long().minimum(limits - 1)


def _view(batch: Batch, **changed: Tensor) -> Batch:
    nothing = torch.zeros_like(batch.targets)
    return replace(batch, **changed, targets=nothing, target_times=nothing, target_actions=nothing)


def _check(name: str, value: float) -> None:
    require(0 <= value <= 1, f"{name}={value}", "it is a share of the events", f"pass 0<={name}<=1")

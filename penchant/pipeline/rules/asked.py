"""What a list is asked for, and whether a rule concerns it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.pipeline.rules.goods import Goods
from penchant.pipeline.rules.kinds import Rule
from penchant.pipeline.rules.outcomes import NOTHING, Outcomes
from penchant.pipeline.rules.terms import Did
from penchant.users.decay import DAY


@dataclass(frozen=True)
class Asked:
    """One request, as rules see it.

    Attributes:
        history: One row.
        k: Length of the list.
        now: UTC seconds.
        user_id: Whose; None: nobody in particular.
        seed: Any text; the same one gives the same chances.
        outcomes: What Thompson's exploration goes by.
    """

    history: Histories
    k: int
    now: int
    user_id: str | None = None
    seed: str = ""
    outcomes: Outcomes = NOTHING

    def random(self) -> np.random.Generator:
        """Chance of this request alone."""
        return np.random.default_rng(int.from_bytes(hashlib.sha256(self.seed.encode("utf-8", "surrogatepass")).digest()[:16]))


class Doings:
    """Events of a history that are meant.

    Args:
        goods: N items.
        did: As written.
    """

    def __init__(self, goods: Goods, did: Did) -> None:
        self.items = None if did.where is None else goods.mask(did.where)
        self.actions = np.array([ACTION_CODE[name] for name in did.actions], np.int8)
        self.seconds = None if did.days is None else did.days * DAY

    def items_of(self, asked: Asked) -> np.ndarray:
        """int32[m], the item of each of the events."""
        history = asked.history
        meant = np.ones(history.num_events, bool) if self.items is None else self.items[history.items]
        if len(self.actions):
            meant &= np.isin(history.actions, self.actions)
        if self.seconds is not None and history.timed:
            meant &= history.times >= asked.now - self.seconds
        return history.items[meant]


class When:
    """For whom a rule holds, and at which time.

    Args:
        goods: N items.
        rule: As written.
    """

    def __init__(self, goods: Goods, rule: Rule) -> None:
        self.starts, self.ends = rule.starts, rule.ends
        self.audience = rule.audience
        self.users = frozenset(rule.audience.users) if rule.audience else frozenset[str]()
        self.doings = Doings(goods, rule.audience.did) if rule.audience and rule.audience.did else None

    @property
    def always(self) -> bool:
        """Whether it holds whoever asks, and whenever."""
        return self.starts is None and self.ends is None and self.audience is None

    def holds(self, asked: Asked) -> bool:
        """Whether it concerns this request."""
        if (self.starts is not None and asked.now < self.starts) or (self.ends is not None and asked.now >= self.ends):
            return False
        if self.audience is None or (asked.user_id is not None and asked.user_id in self.users):
            return True
        if self.audience.newcomers and not asked.history.num_events:
            return True
        return self.doings is not None and len(self.doings.items_of(asked)) >= self.audience.times

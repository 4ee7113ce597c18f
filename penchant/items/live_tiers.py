"""Which items are head at present: promoted above a high mark, demoted below a low one, and never twice within a while.

Counts between the marks change nothing, so tiers depend on the path there and not on the counts alone: two readers of the
same log agree on all items outside the band, and inside it if they looked at the same moments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import Field

from penchant.core.errors import require
from penchant.core.settings import Settings


class TierSettings(Settings):
    """The marks."""

    high: float = Field(default=20.0, gt=0, description="count above which an item becomes head")
    low: float = Field(default=10.0, ge=0, description="count below which a head item becomes tail")
    stay_seconds: float = Field(default=3_600.0, ge=0, description="between two changes of an item, at least")
    most: int = Field(default=200, ge=1, description="head items")


@dataclass(frozen=True)
class LiveTiers:
    """The head items; all others are tail.

    Attributes:
        heads: UTC seconds since when, by item id.
        left: UTC seconds of the demotion of items that may not come back yet.
        flips: Promotions and demotions ever made.
    """

    heads: Mapping[str, float] = field(default_factory=dict)
    left: Mapping[str, float] = field(default_factory=dict)
    flips: int = 0

    def after(self, counts: Mapping[str, float], now: float, settings: TierSettings) -> LiveTiers:
        """The tiers once these counts are known.

        Args:
            counts: Of items, as they are worth now; items that are not named count nothing.
            now: UTC seconds. A clock that was set back changes nothing until it has caught up.
            settings: The marks.

        Raises:
            InputError: The low mark is above the high one.
        """
        require(settings.low <= settings.high, f"low={settings.low:g}", f"it is at most the high mark, {settings.high:g}", "lower it")
        stay = settings.stay_seconds
        gone = {item for item, since in self.heads.items() if counts.get(item, 0.0) < settings.low and now - since >= stay}
        left = {item: since for item, since in self.left.items() if now - since < stay}
        room = settings.most - len(self.heads) + len(gone)
        may = (item for item, count in counts.items() if count > settings.high and item not in self.heads and item not in left)
        new = sorted(may, key=lambda item: (-counts[item], item))[: max(room, 0)]
        heads = {item: since for item, since in self.heads.items() if item not in gone} | dict.fromkeys(new, now)
        return LiveTiers(heads, left | dict.fromkeys(sorted(gone), now), self.flips + len(gone) + len(new))

    def to_bytes(self) -> bytes:
        """As it is stored."""
        return json.dumps({"heads": dict(self.heads), "left": dict(self.left), "flips": self.flips}).encode()

    @classmethod
    def from_bytes(cls, stored: bytes) -> LiveTiers:
        """What ``to_bytes`` gave.

        Raises:
            ValueError: It is something else.
        """
        told = json.loads(stored)
        if not isinstance(told, dict) or set(told) != {"heads", "left", "flips"}:
            raise ValueError("not the tiers of items")
        return cls(told["heads"], told["left"], told["flips"])

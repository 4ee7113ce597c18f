"""Making a list again, over the release of that time or another one, and telling what differs and why.

Models are asked again. What cannot be asked again, as it was of a moment (what goes together, what is trending, a user's stored
vector), counts as recorded. A model's numbers depend in their last bits on how many rows a batch had, so a list that is the
recorded one but for that counts as recorded, too; any other difference is told.

Letters: K candidates of a generator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from penchant.contracts import TopK
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.pipeline.calls import FAILED, Answered, OneByOne
from penchant.pipeline.given import Given, Way
from penchant.pipeline.indexed import indexed
from penchant.pipeline.lane import Generator
from penchant.pipeline.recommender import Recommendation
from penchant.pipeline.release import Release
from penchant.pipeline.rules.outcomes import Outcomes

SAME, ROUNDED, OTHER, RECORDED, GONE = "the same", "the same but for rounding", "another list", "as recorded", "not there"
_ROUNDING = 1e-4  # relative, of scores in single precision that were summed in another order


@dataclass(frozen=True)
class Remade:
    """A list made again.

    Attributes:
        found: The list.
        generators: Of each that took part then or now, whether it named what it did then.
        unknown: Events of the history, and hidden items, that this catalogue does not have.
    """

    found: Recommendation
    generators: Mapping[str, str]
    unknown: int = 0


def remade(release: Release, given: Given, way: Way, *, explain: bool = False) -> Remade:
    """Make a list again over the release that made it.

    Args:
        release: Of that time.
        given: What it was made from.
        way: How it came about.
        explain: Give reasons, too.
    """
    instead = indexed(release.models)
    models: dict[str, Generator] = {**release.models, **instead}
    of_the_moment = {name: Recorded(found) for name, found in way.lists.items() if name not in models}
    calls = Then(way, {**models, **of_the_moment})
    recommender = release.recommender(live=of_the_moment, instead=instead, calls=calls)
    recommender.rungs = tuple(rung for rung in recommender.rungs if rung.name == way.rung) or recommender.rungs
    if "ranker" in way.missing:
        recommender.ranker = None
    recommender.use(given.rules)
    found = recommender.recommend(
        history=given.history,
        k=min(given.k, len(release.space.catalog)),
        model=way.model,
        exclude_seen=given.exclude_seen,
        hidden=given.kept_out,
        explain=explain and "reasons" not in way.missing,
        weights={name: weight for name, weight in way.weights.items() if name in recommender.models},
        steering=given.steering,
        user_id=given.user_id,
        now=given.now,
        seed=given.seed,
        outcomes=given.outcomes,
    )
    if way.model is not None:
        calls.compare(way.model, found.lists[way.model])
    return Remade(found, calls.generators)


def carried(given: Given, ways: Sequence[Way], old: Catalog, new: Catalog) -> tuple[Given, list[Way], int]:
    """What a list is made from, in the codes of another catalogue; and how many events and hidden items that one does not have.

    Steering that names what is not there changes nothing.
    """
    codes = new.items.encode(old.items.decode(np.arange(1, len(old) + 1)))
    table = np.concatenate([np.zeros(1, np.int32), codes])
    items = table[given.history.items]
    history = replace(given.history, items=items).where(items > 0)
    hidden, out = table[given.hidden], table[given.out]
    unknown = int((items == 0).sum() + (hidden == 0).sum())
    outcomes = Outcomes({int(table[item]): counts for item, counts in given.outcomes.of(range(1, len(table))).items()})
    moved = [
        replace(way, lists={name: _compact(TopK(table[found.items], found.scores)) for name, found in way.lists.items()}) for way in ways
    ]
    return replace(given, history=history, hidden=hidden[hidden > 0], out=out[out > 0], outcomes=outcomes), moved, unknown


class Recorded:
    """A generator that names what one named then.

    Args:
        found: One row.
    """

    def __init__(self, found: TopK) -> None:
        self.found = found

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """What was named then, whatever the history."""
        return self.found


@dataclass
class Then:
    """The generators that took part then, asked again. See ``penchant.pipeline.calls.Calls``.

    Attributes:
        way: What they named then, and who was missing: they are missing again.
        models: By name.
        generators: What came of each.
    """

    way: Way
    models: Mapping[str, Generator]
    generators: dict[str, str] = field(default_factory=dict)

    def call(self, names: Sequence[str], row: Histories, k: int, exclude: Histories, seconds: float | None = None) -> Answered:
        """The lists that count, see the module."""
        asked = [name for name in names if name not in self.way.missing and name in self.models]
        answered = OneByOne(self.models).call(asked, row, k, exclude)
        answered.missing |= {name: self.way.missing.get(name, FAILED) for name in names if name not in asked}
        answered.lists = {name: self.compare(name, answered.lists[name]) for name in names if name in answered.lists}
        return answered

    def compare(self, name: str, now: TopK) -> TopK:
        """Note how a list differs from the recorded one; the one that counts."""
        then = self.way.lists.get(name)
        if isinstance(self.models[name], Recorded):
            self.generators[name] = RECORDED
        else:
            self.generators[name] = OTHER if then is None else alike(then, now)
        return then if then is not None and self.generators[name] != OTHER else now

    def expected(self, name: str) -> float:
        """Nobody waits."""
        return 0.0

    def cost(self, name: str) -> float:
        """Nobody counts."""
        return 0.0


def alike(then: TopK, now: TopK) -> str:
    """Whether two rows name the same, in the same order, with scores that differ by rounding at most."""
    places = [(found.items[0][found.items[0] > 0], found.scores[0][found.items[0] > 0]) for found in (then, now)]
    (old, old_scores), (new, new_scores) = places
    if len(old) != len(new):
        return OTHER
    if np.array_equal(old, new) and np.array_equal(old_scores, new_scores):
        return SAME
    # Item by item: neighbours whose scores are equal but for rounding may have changed places.
    by_item, by_item_now = np.argsort(old), np.argsort(new)
    if not np.array_equal(old[by_item], new[by_item_now]):
        return OTHER
    close = np.allclose(old_scores[by_item], new_scores[by_item_now], rtol=_ROUNDING, atol=_ROUNDING)
    return ROUNDED if close else OTHER


def _compact(found: TopK) -> TopK:
    """Without places that name nothing."""
    real = found.items[0] > 0
    return TopK(found.items[:, real], found.scores[:, real])

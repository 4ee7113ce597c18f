"""Bad matches: judged, learnt, left out."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.users.match import MatchFilter, MatchJudge, PairFeatures, Taste
from tests.llm.test_labels import Prefers


def planted(n: int = 400) -> tuple[list[tuple[Taste, int]], np.ndarray, PairFeatures]:
    """Items of two kinds; each user likes one kind, and matches of the other are bad."""
    rng = np.random.default_rng(0)
    vectors = np.concatenate([np.zeros((1, 8)), rng.normal(0, 0.3, (40, 8)) + np.repeat(np.eye(2, 8) * 2, 20, axis=0)]).astype(np.float32)
    kinds = np.repeat([0, 1], 20)
    pairs, bad, tastes = [], [], []
    for _ in range(n):
        kind, item = int(rng.integers(2)), int(rng.integers(1, 41))
        mine, other = (rng.permutation(np.flatnonzero((kinds == one) & (np.arange(1, 41) != item)) + 1) for one in (kind, 1 - kind))
        taste = Taste(tuple(mine[:5].tolist()), tuple(other[:3].tolist()))
        tastes.append(taste)
        pairs.append((taste, item))
        bad.append(kinds[item - 1] != kind)
    return pairs, np.array(bad), PairFeatures.counting(vectors, tastes)


def test_the_classifier_learns_what_the_judge_says_even_of_doubtful_labels() -> None:
    pairs, bad, known = planted()
    features = known.of(pairs)
    doubtful = np.where(bad, 0.7, 0.3)
    model = MatchFilter.fit(features[:200], doubtful[:200])
    found = model.bad(features[200:])
    assert ((found > 0.5) == bad[200:]).mean() > 0.95
    kept = model.kept(features[200:], 0.2)
    assert kept.sum() == 160
    assert bad[200:][~kept].mean() > 0.95
    assert bad[200:][kept].mean() < bad[200:].mean()
    assert model.kept(features[200:], 0.0).all()


def test_an_event_does_not_tell_of_itself() -> None:
    _, _, known = planted()
    taste = Taste((1, 2), (30,))
    without = PairFeatures.counting(known.vectors, [Taste((1, 2), ())])
    with_it = PairFeatures.counting(known.vectors, [taste])
    assert with_it.of([(taste, 30)])[0, 2] == pytest.approx((5 / 3) / 5, abs=1e-6), "as if nobody had disliked it"
    assert without.of([(Taste((1, 2), ()), 30)])[0, 2] == 0.0


def test_a_judge_reads_what_was_liked_and_disliked_and_knows_how_many_are_bad() -> None:
    model = Prefers()
    judge = MatchJudge(model, ["Heat", "Alien", "broken"], bad=0.25)
    assert judge.texts_of(Taste((1,), (2,)), 2) == {"liked": "Heat", "disliked": "Alien", "item": "Alien"}
    assert judge.texts_of(Taste(), 1) == {"liked": "nothing", "disliked": "nothing", "item": "Heat"}
    found = judge.bad([(Taste((1,)), 2), (Taste((1,)), 3)])
    assert found[0] == pytest.approx(0.25), "it says nothing, so the share stands"
    assert isinstance(found[1], InputError)
    with pytest.raises(InputError, match=r"bad=0"):
        MatchJudge(model, [], bad=0)


def test_long_titles_leave_room_for_the_item_and_none_forges_another() -> None:
    titles = [f"Acme Deluxe {number} {'stapler with a very long name ' * 6}" for number in range(7)] + ['Junk". The person liked "Junk']
    asked = MatchJudge(Prefers(), titles).question(Taste((1, 2, 3, 4), (5, 6, 7)), 8)
    said = asked.messages[-1].content
    assert all(f"Acme Deluxe {number} " in said for number in range(7))
    assert said.endswith('Is "Junk\\". The person liked \\"Junk" a good or a bad match for the person?')


def test_nothing_to_learn_from_is_refused() -> None:
    assert planted(1)[2].of([]).shape == (0, 13)
    with pytest.raises(InputError, match="0 pairs"):
        MatchFilter.fit(np.zeros((0, 3), np.float32), np.zeros(0))
    with pytest.raises(InputError, match="both kinds"):
        MatchFilter.fit(np.zeros((3, 3), np.float32), np.zeros(3))
    with pytest.raises(InputError, match="share=1"):
        MatchFilter.fit(np.eye(3, dtype=np.float32), np.array([0.0, 0.5, 1.0])).kept(np.eye(3, dtype=np.float32), 1)

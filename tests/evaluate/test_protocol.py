from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from penchant.contracts import TopK
from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.data.splits import Targets
from penchant.evaluate.protocol import Seen, capped, evaluate, repeated_share
from tests.evaluate.toys import Fixed, good, small_split

#: Two users; item 1 scores best, then 2, and so on.
SCORES = np.tile(-np.arange(7.0), (3, 1))


def asked(histories: list[list[int]], wanted: list[list[int]]) -> Targets:
    codes = np.arange(1, len(histories) + 1)
    return Targets(Histories.of(histories, users=codes), Histories.of(wanted, users=codes))


def test_removed_and_kept_differ_as_stated() -> None:
    targets = asked([[1, 2], [3]], [[3], [3]])  # the second user's target is a repeat
    removed = evaluate(Fixed(SCORES), targets, name="m", seen=Seen.REMOVED, ks=(1, 3))
    kept = evaluate(Fixed(SCORES), targets, name="m", seen=Seen.KEPT, ks=(1, 3))
    assert removed.lists.tolist() == [[3, 4, 5], [1, 2, 4]]
    assert kept.lists.tolist() == [[1, 2, 3], [1, 2, 3]]
    assert removed.metrics["recall@3"].tolist() == [1, 0]  # a repeated target cannot be found
    assert removed.metrics["mrr@3"].tolist() == [1, 0]
    assert kept.metrics["recall@3"].tolist() == [1, 1]
    assert kept.mean("mrr@3") == pytest.approx(1 / 3)
    assert removed.repeated == kept.repeated == 0.5


def test_blocks_do_not_change_the_result() -> None:
    split = small_split()
    model = good(split, 0.5, 1)
    whole = evaluate(model, split.test, name="m", block=1000)
    parts = evaluate(model, split.test, name="m", block=7)
    assert model.asked == [60, *[7] * 8, 4]
    np.testing.assert_array_equal(whole.lists, parts.lists)
    assert whole.metrics.keys() == parts.metrics.keys()
    assert all((whole.metrics[name] == parts.metrics[name]).all() for name in whole.metrics)
    assert whole.lists.dtype == np.int32
    assert whole.seconds > 0
    assert whole.users_per_second == pytest.approx(60 / whole.seconds)


def test_cut_offs_above_the_catalogue_are_lowered_with_a_note() -> None:
    assert capped((5, 10), 10) == ((5, 10), ())
    cuts, notes = capped((50, 5, 20), 6)
    assert cuts == (5, 6)
    assert notes == ("The catalogue has 6 items: cut-offs 20, 50 are given at 6.",)
    found = evaluate(Fixed(SCORES), asked([[1]], [[6]]), name="m", ks=(5, 20))
    assert found.ks == (5, 6)
    assert found.lists.tolist() == [[2, 3, 4, 5, 6, 0]]  # fewer may be shown than there are places
    assert found.metrics["recall@6"].tolist() == [1]
    assert len(found.notes) == 1


def test_repeated_targets_are_counted_by_event() -> None:
    assert repeated_share(asked([[1, 2], [3]], [[2, 4, 1], [1]]), 6) == 0.5
    assert repeated_share(asked([[], [3]], [[2], [1]]), 6) == 0


def test_wrong_questions_are_refused() -> None:
    model, targets = Fixed(SCORES), asked([[1]], [[2]])
    with pytest.raises(InputError, match="0 rows"):
        evaluate(model, asked([], []), name="m")
    with pytest.raises(InputError, match=r"ranks items 1\.\.6"):
        evaluate(model, asked([[1]], [[7]]), name="m")
    with pytest.raises(InputError, match="without a target"):
        evaluate(model, asked([[1]], [[]]), name="m")
    with pytest.raises(InputError, match="cut-offs are positive"):
        evaluate(model, targets, name="m", ks=())
    with pytest.raises(InputError, match="block=0"):
        evaluate(model, targets, name="m", block=0)
    with pytest.raises(InputError, match="it was not measured"):
        evaluate(model, targets, name="m", ks=(3,)).mean("ndcg@10")


class Broken(Fixed):
    def __init__(self, change: str) -> None:
        super().__init__(SCORES)
        self.change = change

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        if self.change == "shows what is excluded":
            return super().recommend(histories, k)
        top = super().recommend(histories, k, exclude=exclude)
        return replace(top, items=top.items[:, 1:]) if self.change == "short lists" else replace(top, items=top.items + 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [("shows what is excluded", "recommended 1 excluded items"), ("short lists", "lists of shape"), ("unknown items", "items are 1..6")],
)
def test_a_model_that_breaks_the_contract_is_named(change: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        evaluate(Broken(change), asked([[1]], [[2]]), name="Wrong", ks=(3,))
    assert caught.value.value.startswith("Wrong")

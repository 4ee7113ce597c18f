"""A network over more items than it was trained with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.items.collisions import unique_codes
from penchant.items.product import ProductQuantiser
from penchant.models.generative.growth import grown
from penchant.models.generative.parallel import ParallelSettings
from penchant.models.generative.recode import learnt_codes
from penchant.models.generative.retrievers import CodeRetriever
from penchant.models.generative.tandem import Tandem, TandemSettings

ITEMS, NEW = 60, 5
HISTORIES = Histories.of([[1, 2, 3], [], [ITEMS]])
HEAD = ParallelSettings(part=4, over_items=True, temperature=0.07)


def world() -> tuple[np.ndarray, np.ndarray]:
    """Codes and vectors of all items; the new ones are twins of items 1, 2, .., but for the last code."""
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 6, (ITEMS, 2)).astype(np.int32)
    codes = unique_codes(np.concatenate([raw, raw[:NEW]]))
    vectors = rng.normal(size=(ITEMS + 1, 8)).astype(np.float32)
    return np.concatenate([np.full((1, 3), -1, np.int32), codes]), np.concatenate([vectors, vectors[1 : NEW + 1]])


def trained(settings: TandemSettings) -> Tandem:
    torch.manual_seed(0)
    codes, vectors = world()
    return Tandem(codes[: ITEMS + 1], vectors[: ITEMS + 1], np.ones(ITEMS + 1), settings.but(width=16, heads=2, layers=1)).eval()


@pytest.mark.parametrize("head", ["depth", "learnt"])
def test_known_items_score_as_before_and_new_ones_are_found(head: str) -> None:
    model, quantiser = trained(TandemSettings(with_ids=False)), None
    if head == "learnt":
        quantiser = ProductQuantiser(4, 16, rotated=False)
        model.recode(learnt_codes(model, quantiser), HEAD)
        model.eval()
    larger = grown(model, *world(), quantiser)
    assert larger.num_items == ITEMS + NEW
    torch.testing.assert_close(larger.score(HISTORIES)[:, : ITEMS + 1], model.score(HISTORIES))
    states = larger.states(HISTORIES)
    if head == "learnt":
        torch.testing.assert_close(larger.code_head.score(states)[:, 1 : ITEMS + 1], model.code_head.score(states)[:, 1:])
    found = CodeRetriever(larger).recommend(HISTORIES, ITEMS + NEW)
    assert all(sorted(row) == list(range(1, ITEMS + NEW + 1)) for row in found.items.tolist())


def test_a_twin_has_the_learnt_codes_of_the_item_it_is_like() -> None:
    model = trained(TandemSettings(with_ids=False, with_codes=False))
    quantiser = ProductQuantiser(4, 16, rotated=False)
    model.recode(learnt_codes(model, quantiser), HEAD)
    codes = grown(model.eval(), *world(), quantiser).code_head.codes.numpy()
    assert codes[ITEMS + 1 :].tolist() == codes[1 : NEW + 1].tolist()


def test_a_new_item_stands_on_its_content() -> None:
    larger = grown(trained(TandemSettings()), *world())
    with torch.no_grad():
        ids = larger.tokens.ids
        assert ids is not None
        ids.weight[ITEMS + 1 :] = 100.0  # whatever stands there does not count
        before = larger.tokens.all()[ITEMS + 1 :]
        ids.weight[ITEMS + 1 :] = 0.0
        torch.testing.assert_close(larger.tokens.all()[ITEMS + 1 :], before)


def test_codes_that_moved_are_refused() -> None:
    codes, vectors = world()
    codes[3] = codes[4]
    with pytest.raises(InputError, match="codes of known items that differ"):
        grown(trained(TandemSettings()), codes, vectors)
    with pytest.raises(InputError, match="none is taken away"):
        grown(trained(TandemSettings()), *(rows[:ITEMS] for rows in world()))


def test_learnt_codes_need_their_quantiser() -> None:
    model = trained(TandemSettings())
    model.recode(learnt_codes(model, ProductQuantiser(4, 16, rotated=False)), HEAD)
    with pytest.raises(InputError, match="the code head has codes of its own"):
        grown(model, *world())

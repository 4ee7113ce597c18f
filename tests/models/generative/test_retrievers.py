"""What may not come back does not, and searches reach the head that has them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.contracts import Retriever
from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.models.generative.decoding import Exact
from penchant.models.generative.depth import DepthSettings
from penchant.models.generative.diverse import Diverse
from penchant.models.generative.parallel import ParallelSettings
from penchant.models.generative.retrievers import CodeRetriever, TandemRetriever
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.models.generative.tiger import Tiger
from penchant.ranking import top_k
from tests.models.generative.worlds import check_lists, left_out, may_come, random_codes, tiger

ITEMS = 120


def tandem(head: DepthSettings | ParallelSettings) -> Tandem:
    torch.manual_seed(0)
    vectors = np.random.default_rng(1).normal(size=(ITEMS + 1, 4)).astype(np.float32)
    settings = TandemSettings(width=16, heads=2, layers=1, code_head=head)
    return Tandem(random_codes(0, ITEMS, 3, 6), vectors, np.ones(ITEMS + 1), settings).eval()


MADE = {
    "depth": lambda: CodeRetriever(tandem(DepthSettings(beam=5))),
    "parallel": lambda: CodeRetriever(tandem(ParallelSettings())),
    "both, depth": lambda: TandemRetriever(tandem(DepthSettings(beam=5)), width=5),
    "both, parallel": lambda: TandemRetriever(tandem(ParallelSettings()), width=5),
    "dense alone": lambda: TandemRetriever(tandem(ParallelSettings()), weight=0.0),
    "tiger": lambda: tiger(ITEMS),
}


@pytest.mark.parametrize("name", MADE)
def test_only_allowed_items_come_back_and_as_many_as_there_are(name: str) -> None:
    model = MADE[name]()
    assert isinstance(model, Retriever)
    histories = Histories.of([[1, 2, 3], [], [ITEMS]])
    for seed in range(4):
        exclude, allowed = left_out(seed, ITEMS, 3)
        for k in (1, 10, ITEMS):
            found = model.recommend(histories, k, exclude=exclude, allowed=allowed)
            check_lists(found.items, found.scores, may_come(exclude, allowed), k)
    nothing = model.recommend(histories, 3, allowed=np.zeros(ITEMS + 1, bool))
    assert not nothing.items.any() and np.isneginf(nothing.scores).all()
    everything = model.recommend(histories, 7, exclude=histories, allowed=np.ones(ITEMS + 1, bool))
    assert everything.items.tolist() == model.recommend(histories, 7, exclude=histories).items.tolist()


@pytest.mark.parametrize("name", MADE)
def test_a_mask_of_another_shape_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=rf"pass bool\[{ITEMS + 1}\]"):
        MADE[name]().recommend(Histories.of([[1]]), 3, allowed=np.ones(ITEMS, bool))


@pytest.mark.parametrize("name", ["depth", "tiger"])
def test_searches_can_be_asked_for(name: str) -> None:
    model, histories = MADE[name](), Histories.of([[1, 2, 3], [], [ITEMS]])
    if isinstance(model, Tiger):
        scores = model.score(histories)
    else:
        with torch.no_grad():
            scores = model.model.code_head.score(model.model.states(histories))
        scores[:, 0] = -torch.inf
    exact = model.recommend(histories, 10, search=Exact(1))
    np.testing.assert_allclose(exact.scores, top_k(scores, 10).scores, rtol=1e-4, atol=1e-4)
    diverse = model.recommend(histories, 10, search=Diverse(10, 50.0))
    assert (np.diff(diverse.scores, axis=1) <= 0).all()
    codes = (model if isinstance(model, Tiger) else model.model.code_head).codes.numpy()[:, 0]
    firsts = [sum(len(set(codes[row])) for row in found.items) for found in (diverse, exact)]
    assert firsts[0] > firsts[1]


def test_a_head_without_searches_refuses_one() -> None:
    with pytest.raises(InputError, match="a search for ParallelHead: only a depth head decodes by one"):
        MADE["parallel"]().recommend(Histories.of([[1]]), 3, search=Exact())

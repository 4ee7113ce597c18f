"""Products of the two sides are the scores of the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.models.dense_head import DenseHead
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.models.sequence.bert4rec import BERT4Rec, BERT4RecSettings
from penchant.models.sequence.preprec import PrepRec
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.models.sequence.sasrec import SASRec, SASRecSettings

ITEMS = 30
HISTORIES = Histories.of([[3, 4], [], [7, 1, 9, 30], list(range(1, 20))])


def tandem() -> Tandem:
    random = np.random.default_rng(0)
    codes = np.stack([np.arange(ITEMS + 1) // 6, np.arange(ITEMS + 1) % 6], axis=1).astype(np.int32)
    vectors = random.normal(size=(ITEMS + 1, 8)).astype(np.float32)
    return Tandem(codes, vectors, np.full(ITEMS + 1, 3), TandemSettings(width=8, heads=2, layers=1, max_len=8))


@pytest.mark.parametrize(
    "make",
    [
        tandem,
        lambda: SASRec(ITEMS, SASRecSettings(width=8, heads=2, max_len=8)),
        lambda: SASRec(ITEMS, SASRecSettings(width=8, heads=2, max_len=8, temperature=0.1)),
        lambda: BERT4Rec(ITEMS, BERT4RecSettings(width=8, heads=2, max_len=8)),
    ],
    ids=["tandem", "products", "cosines", "with a bias"],
)
def test_products_are_the_scores(make: type[SequenceRetriever]) -> None:
    torch.manual_seed(0)
    model = make().eval()
    head = DenseHead(model)
    assert head.items.shape[0] == head.num_items == ITEMS
    np.testing.assert_allclose(head.users(HISTORIES) @ head.items.T, model.score(HISTORIES)[:, 1:].numpy(), atol=1e-5)


def test_a_model_that_scores_in_its_own_way_is_refused() -> None:
    with pytest.raises(InputError, match="PrepRec"):
        DenseHead(PrepRec.__new__(PrepRec))

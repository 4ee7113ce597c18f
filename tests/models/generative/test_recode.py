"""A code head after the rest: codes of learnt vectors, and training that touches nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.data.batches import collate
from penchant.data.histories import Histories
from penchant.items.product import ProductQuantiser
from penchant.models.generative.parallel import ParallelSettings
from penchant.models.generative.recode import HeadTraining, learnt_codes
from penchant.models.generative.retrievers import CodeRetriever
from penchant.models.generative.tandem import Tandem
from penchant.train.loop import Trainer
from tests.contracts.planted import NUM_ITEMS, PAIRS, tandem, train_histories, training

HEAD = ParallelSettings(part=4, over_items=True, temperature=0.07)


@pytest.fixture(scope="module")
def model() -> Tandem:
    return tandem(0)


def test_codes_are_of_what_was_learnt(model: Tandem) -> None:
    codes = learnt_codes(model, ProductQuantiser(8, 16))
    assert codes.shape == (NUM_ITEMS + 1, 8)
    assert (codes[0] == -1).all() and (codes[1:] >= 0).all()
    assert len(np.unique(codes[1:], axis=0)) == NUM_ITEMS


def test_the_head_learns_while_the_rest_stays(model: Tandem) -> None:
    model.recode(learnt_codes(model, ProductQuantiser(8, 16)), HEAD)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Trainer(training(0)).fit(HeadTraining(model), train_histories())
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith("code_head.") for name in changed)
    begun = Histories.of([[25, 2 * pair + 1] for pair in range(PAIRS)])
    found = CodeRetriever(model).recommend(begun, 1, exclude=begun)
    assert (found.items[:, 0] == 2 * np.arange(PAIRS) + 2).mean() >= 0.9


def test_new_weights_of_the_head_are_used_at_once(model: Tandem) -> None:
    training_part = HeadTraining(model)
    training_part.train(False)
    history = Histories.of([[1, 2]])
    first = CodeRetriever(model).recommend(history, 5).scores.tolist()
    with torch.no_grad():
        model.code_head.embedding.table.weight.add_(torch.randn_like(model.code_head.embedding.table.weight))
    training_part.train(False)
    assert CodeRetriever(model).recommend(history, 5).scores.tolist() != first
    assert not model.training
    assert training_part.loss(collate(Histories.of([[1, 2, 3]]))).total.requires_grad


def test_codes_of_another_catalogue_are_refused(model: Tandem) -> None:
    with pytest.raises(InputError, match="3 codes"):
        model.recode(np.zeros((3, 2), np.int32), HEAD)

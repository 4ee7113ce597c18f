"""What all sequence networks share: no step knows what follows, padding and batches do not matter, gaps may be anything."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from penchant.data.batches import Batch, collate
from penchant.data.histories import Histories
from penchant.models.sequence.bert4rec import BERT4Rec, BERT4RecSettings
from penchant.models.sequence.gru4rec import GRU4Rec, GRU4RecSettings
from penchant.models.sequence.hstu import HSTU, HSTUSettings
from penchant.models.sequence.idnp import IDNP, IDNPSettings
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.models.sequence.state_space import StateSpaceNetwork, StateSpaceSettings

ITEMS, DAY = 20, 86_400
CAUSAL: dict[str, Callable[[], SequenceRetriever]] = {
    "sasrec": lambda: SASRec(ITEMS, SASRecSettings(width=16, max_len=12)),
    "gru4rec": lambda: GRU4Rec(ITEMS, GRU4RecSettings(width=16, hidden=24, max_len=12, layers=2)),
    "hstu": lambda: HSTU(ITEMS, HSTUSettings(width=16, max_len=12)),
    "ssd": lambda: StateSpaceNetwork(ITEMS, StateSpaceSettings(width=16, state=4, head=8, max_len=12)),
    "tim4rec": lambda: StateSpaceNetwork(ITEMS, StateSpaceSettings(width=16, state=4, head=8, max_len=12, timed=True)),
    "idnp": lambda: IDNP(ITEMS, IDNPSettings(width=16, latent=4, session_len=3, scales=(1, 3), max_len=12)),
}
ALL = {**CAUSAL, "bert4rec": lambda: BERT4Rec(ITEMS, BERT4RecSettings(width=16, max_len=12))}
TIMED = ["hstu", "tim4rec", "idnp"]


@pytest.fixture(params=sorted(ALL))
def model(request: pytest.FixtureRequest) -> SequenceRetriever:
    return made(request.param)


def made(name: str) -> SequenceRetriever:
    """A network whose vectors are far enough apart to see differences."""
    torch.manual_seed(0)
    model = ALL[name]()
    for part in model.parameters():
        if part.dim() > 1:
            torch.nn.init.normal_(part, std=0.3)
    return model.eval()


def histories(*, step: int = DAY, last: int = 0) -> Histories:
    lists = [[3, 9, 4, 4, 17, 2, 11, 8], [5, 1, 6]]
    starts = [400 * DAY + np.arange(len(row)) ** 2 * step for row in lists]
    starts[0][-1] += last
    return Histories.of(lists, times=starts)


@pytest.mark.parametrize("name", sorted(CAUSAL))
def test_a_step_does_not_know_what_follows(name: str) -> None:
    model = made(name)
    whole = collate(histories(), targets=False)
    for steps in (1, 4, 7):
        cut = {key: value[:1, :steps] if value.dim() == 2 else value[:1] for key, value in vars(whole).items()}
        part = Batch(**{**cut, "lengths": torch.tensor([steps])})
        torch.testing.assert_close(model.encode(part)[0], model.encode(whole)[0, :steps], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_history_matters_and_the_batch_does_not(model: SequenceRetriever) -> None:
    together = model.states(histories())
    for row in range(2):
        alone = model.states(histories().take(np.array([row])))
        torch.testing.assert_close(alone[0], together[row], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(together, model.states(histories().without_last(1)), atol=1e-3)


@pytest.mark.parametrize("name", TIMED)
def test_times_matter_where_they_should(name: str) -> None:
    model = made(name)
    assert not torch.allclose(model.states(histories()), model.states(histories(step=60)), atol=1e-3)
    untimed = made(name)
    untimed.settings = model.settings.but(test_times="dropped")
    torch.testing.assert_close(untimed.states(histories()), untimed.states(histories(step=60)))


@torch.no_grad()
def test_any_gap_gives_finite_states(model: SequenceRetriever) -> None:
    far = histories(last=2**60)
    back = Histories.of([[3, 4, 5]], times=[[500 * DAY, 400 * DAY, 1]])
    assert torch.isfinite(model.states(far)).all()
    assert torch.isfinite(model.states(back)).all()


def test_every_weight_gets_a_gradient_and_bf16_agrees(model: SequenceRetriever) -> None:
    batch = collate(histories())
    torch.manual_seed(1)
    loss = model.loss(batch).total
    loss.backward()
    without = {name for name, part in model.named_parameters() if part.grad is None}
    assert not without
    torch.manual_seed(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model.loss(batch).total
    assert rough.item() == pytest.approx(loss.item(), rel=0.05)

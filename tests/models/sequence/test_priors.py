"""Heads of groups: which targets each learns from, what an item's score is, and that they begin as if they were not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from penchant.contracts import Scorer
from penchant.core.errors import InputError
from penchant.data.batches import collate
from penchant.data.histories import Histories
from penchant.models.sequence.hstu import HSTU, HSTUSettings
from penchant.models.sequence.priors import Composition, HumanPriors, PriorSettings, groups_of, headed
from penchant.models.sequence.sasrec import SASRec, SASRecSettings

ITEMS = 8
CATEGORIES = [["a"], ["a", "b"], ["b"], ["a"], [], ["c", "b"], ["c"], ["a", "c"]]
HISTORIES = Histories.of([[1, 2, 3, 4, 5], [], [7, 6, 8]])
ALL = list(Composition)


def made(settings: PriorSettings | None = None, *, sharp: bool = True, temperature: float | None = None) -> HumanPriors:
    torch.manual_seed(0)
    network = SASRec(ITEMS, SASRecSettings(width=6, heads=2, layers=1, max_len=8, dropout=0.0, temperature=temperature))
    model = HumanPriors(network, groups_of(CATEGORIES, 3)[1], settings)
    for name, weight in model.named_parameters():
        if weight.dim() > 1 and (sharp or name.startswith("network")):
            torch.nn.init.normal_(weight, std=0.5)
    return model.eval()


def test_groups_are_the_commonest_categories_and_one_of_items_without() -> None:
    names, carried = groups_of(CATEGORIES, 2)
    assert names == ["a", "b", ""]
    assert carried[1:].tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert not carried[0].any()
    assert groups_of([["x", "y"], ["x"]], 5)[0] == ["y", ""]  # what all items have tells nothing apart
    assert groups_of([[], []], 5)[1][1:].tolist() == [[True], [True]]
    with pytest.raises(InputError, match="most=0"):
        groups_of(CATEGORIES, 0)


@pytest.mark.parametrize("composition", ALL)
def test_untrained_heads_leave_the_encoder_as_it_is(composition: Composition) -> None:
    model = made(PriorSettings(composition=composition, switch_weight=0), sharp=False)
    assert isinstance(model, Scorer)
    torch.testing.assert_close(model.score(HISTORIES), model.network.score(HISTORIES))
    batch = collate(Histories.of([[1, 4, 5, 3]]))  # items of one group each
    torch.testing.assert_close(model.loss(batch).total, model.network.loss(batch).total)


@pytest.mark.parametrize("composition", ALL)
def test_a_head_learns_from_targets_of_its_group_alone(composition: Composition) -> None:
    model = made(PriorSettings(composition=composition))
    model.loss(collate(Histories.of([[1, 2, 4]]))).total.backward()
    assert model.of_groups.grad is not None
    assert (model.of_groups.grad.abs().sum(dim=(1, 2)) > 0).tolist() == [True, True, False, False]  # a, b, c, none


@pytest.mark.parametrize("composition", ALL)
@pytest.mark.parametrize("switch_weight", [0.0, 1.0])
def test_the_score_of_an_item_is_the_best_of_its_heads(composition: Composition, switch_weight: float) -> None:
    settings = PriorSettings(composition=composition, ahead=2, segments=2, switch_weight=switch_weight, trust=0.7)
    model = made(settings, temperature=0.5)
    found, states = model.score(HISTORIES), model.states(HISTORIES)
    head = model.network.head
    groups = model.of_groups.view(-1, 4, 6, 6)
    segments = torch.zeros(2, 6, 6) if model.of_segments is None else model.of_segments
    for row, state in enumerate(states):
        chances = torch.zeros(4) if model.switch is None else 0.7 * torch.sigmoid(model.switch(state)).log()

        def scored(one: torch.Tensor, bonus: float | torch.Tensor) -> torch.Tensor:
            scores = head.scores(one)[1:]
            return scores if model.switch is None else scores.log_softmax(dim=0) + bonus

        for item in range(1, ITEMS + 1):
            own = model.carried[item].nonzero()[:, 0].tolist()
            best = []
            for segment in range(2):
                if composition is Composition.SIDES:
                    best.append(scored(headed(state, segments[segment][None])[0], 0.0)[item - 1])
                for group in own:
                    if composition is Composition.PAIRS:
                        one = headed(state, groups[segment, group][None])[0]
                    elif composition is Composition.SIDES:
                        one = headed(state, groups[0, group][None])[0]
                    else:
                        one = headed(headed(state, groups[0, group][None])[0], segments[segment][None])[0]
                    best.append(scored(one, chances[group])[item - 1])
            torch.testing.assert_close(found[row, item], torch.stack(best).max(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("composition", ALL)
def test_heads_of_a_segment_are_among_all_heads(composition: Composition) -> None:
    model = made(PriorSettings(composition=composition, ahead=3, segments=3))
    states = torch.randn(2, 6)
    whole, parts = model.decoded(states), [model.decoded(states, segment) for segment in range(3)]
    assert len(model.allowed) == whole.shape[1] == {"pairs": 12, "sides": 7, "stacked": 12}[composition.value]
    if composition is Composition.SIDES:
        torch.testing.assert_close(whole, torch.cat([*(part[:, :1] for part in parts), parts[0][:, 1:]], dim=1))
    elif composition is Composition.PAIRS:
        torch.testing.assert_close(whole, torch.cat(parts, dim=1))
    else:
        torch.testing.assert_close(whole.unflatten(1, (3, 4)), torch.stack(parts, dim=1))


def test_later_events_weigh_less() -> None:
    one, both = (made(PriorSettings(ahead=ahead, switch_weight=0)) for ahead in (1, 2))
    batch = collate(Histories.of([[1, 4, 5, 3]]))
    near = one.loss(batch).total
    states = one.encode(batch)
    far = one._of(states[0, :-1], batch.targets[0, 1:], 0)
    torch.testing.assert_close(both.loss(batch).total, (near + 0.99 * far) / 1.99)


def test_a_target_counts_once_for_each_of_its_groups() -> None:
    model = made(PriorSettings(composition=Composition.PAIRS, switch_weight=0))
    batch = collate(Histories.of([[2, 4]]))  # item 2 has two groups, item 4 one
    decoded, head = model.decoded(model.encode(batch)[0]), model.network.head
    terms = [head.loss(decoded[:1, 0], torch.tensor([2])), head.loss(decoded[:1, 1], torch.tensor([2]))]
    terms.append(head.loss(decoded[1:, 0], torch.tensor([4])))
    torch.testing.assert_close(model.loss(batch).total, torch.stack(terms).mean())


def test_less_trust_in_the_switch_makes_lists_more_varied() -> None:
    model = made(PriorSettings(composition=Composition.PAIRS))
    assert model.switch is not None
    with torch.no_grad():
        model.switch.weight.zero_()
        model.switch.bias.copy_(torch.tensor([20.0, -20.0, -20.0, -20.0]))
    surely = model.recommend(HISTORIES, 3).items
    model.settings = model.settings.but(trust=0.0)
    anyway = model.recommend(HISTORIES, 3).items
    assert bool(model.carried[surely][..., 0].all()) and not bool(model.carried[anyway][..., 0].all())


@pytest.mark.parametrize("encoder", ["sasrec", "hstu"])
def test_it_is_saved_with_its_encoder(encoder: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    shape = {"width": 8, "heads": 2, "layers": 1, "max_len": 8}
    network = SASRec(ITEMS, SASRecSettings(**shape)) if encoder == "sasrec" else HSTU(ITEMS, HSTUSettings(**shape))
    model = HumanPriors(network, groups_of(CATEGORIES, 2)[1], PriorSettings(ahead=2, segments=2)).eval()
    torch.nn.init.normal_(model.of_groups)
    model.save(tmp_path / "m")
    again = HumanPriors.load(tmp_path / "m")
    assert again.settings == model.settings and type(again.network) is type(network)
    torch.testing.assert_close(again.score(HISTORIES), model.score(HISTORIES), rtol=0, atol=0)


def test_every_weight_takes_part() -> None:
    for composition in ALL:
        model = made(PriorSettings(composition=composition, ahead=2, segments=2)).train()
        model.loss(collate(Histories.of([[1, 2, 3, 4, 5], [7, 6, 8, 5, 6]]))).total.backward()
        unused = [name for name, weight in model.named_parameters() if weight.grad is None or not bool(weight.grad.abs().sum() > 0)]
        assert unused == []


def test_what_does_not_fit_is_refused() -> None:
    network = SASRec(ITEMS, SASRecSettings(width=8, layers=1))
    carried = groups_of(CATEGORIES, 2)[1]
    with pytest.raises(InputError, match="each of 8 items has one"):
        HumanPriors(network, carried[:-1])
    with pytest.raises(InputError, match="each of 8 items has one"):
        HumanPriors(network, carried[:, :2])
    with pytest.raises(InputError, match="segments=2: a segment has at least one step ahead; pass segments<=1"):
        HumanPriors(network, carried, PriorSettings(segments=2))

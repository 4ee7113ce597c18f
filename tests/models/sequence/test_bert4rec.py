"""Masks: what is drawn, what the network may see of it, and that inference masks just behind the history."""

from __future__ import annotations

import torch

from penchant.data.batches import collate
from penchant.data.histories import Histories
from penchant.models.sequence.bert4rec import BERT4Rec, BERT4RecSettings


def network(**changes: float) -> BERT4Rec:
    torch.manual_seed(0)
    return BERT4Rec(9, BERT4RecSettings(width=8, layers=1, max_len=8, **changes)).eval()


def test_some_rows_mask_the_newest_item_alone() -> None:
    torch.manual_seed(0)
    items, lengths = torch.tensor([[0, 3, 4, 5, 0]]).expand(3000, 5), torch.full((3000,), 4)
    masked, kept = network(masked=0.2, last_share=0.5).draw(items, lengths)
    assert kept.equal(lengths)
    assert masked.any(dim=1).all()
    assert not masked[:, [0, 4]].any()
    alone = 0.5 + 0.5 * (0.8**2 * 0.2 + 0.8**3)  # by the share, by chance, and where nothing was drawn
    newest_only = masked[:, 3] & ~masked[:, 1:3].any(dim=1)
    torch.testing.assert_close(newest_only.float().mean(), torch.tensor(alone), atol=0.03, rtol=0)


def test_prefixes_end_at_any_item_and_are_masked_there() -> None:
    torch.manual_seed(0)
    items, lengths = torch.tensor([[0, 3, 4, 5, 0]]).expand(3000, 5), torch.full((3000,), 4)
    masked, kept = network(last_share=1.0, prefixes=True).draw(items, lengths)
    assert masked.int().argmax(dim=1).equal(kept - 1)
    assert (masked.sum(dim=1) == 1).all()
    torch.testing.assert_close(torch.bincount(kept, minlength=6) / 3000, torch.tensor([0, 0, 1, 1, 1, 0]) / 3, atol=0.03, rtol=0)


def test_a_masked_item_is_not_seen_and_both_sides_are() -> None:
    model, lengths = network(), torch.tensor([5])
    items, masked = torch.tensor([[0, 3, 4, 5, 6, 0]]), torch.tensor([[False, False, True, False, False, False]])
    before = model.fill(items, masked, lengths)[0, 2]
    for place, visible in ((1, True), (2, False), (4, True), (5, False)):
        changed = items.clone()
        changed[0, place] = 9
        assert torch.allclose(before, model.fill(changed, masked, lengths)[0, 2]) is not visible


def test_inference_fills_the_mask_behind_the_history() -> None:
    model = network()
    found = model.states(Histories.of([[3, 4]]))
    masked = torch.tensor([[False, False, False, True]])
    torch.testing.assert_close(found[0], model.fill(torch.tensor([[0, 3, 4, 7]]), masked, torch.tensor([4]))[0, 3])


def test_training_asks_for_the_items_of_the_history() -> None:
    model = network(last_share=1.0)
    asked = []
    model.head.objective = lambda states, targets, table: asked.append(targets) or states.sum()  # type: ignore[func-returns-value]
    model.loss(collate(Histories.of([[3, 4, 5], [7], [1, 2]])))
    assert asked[0].tolist() == [5, 7, 2]

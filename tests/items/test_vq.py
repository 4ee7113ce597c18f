"""Codebooks while they are learnt, the small networks around them, and the loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.items import vq
from penchant.items.vq import Book


def test_running_means_follow_points_and_unused_codes_start_again() -> None:
    book = Book(np.array([[0.0], [10.0]], np.float32), 0.5)
    points = torch.tensor([[1.0], [2.0], [3.0]])
    assert book.pick(points).tolist() == [0, 0, 0]
    assert book.vectors.ravel().tolist() == pytest.approx([(0 + 3) / (0.5 + 1.5), 10])
    book.revive(torch.Generator().manual_seed(0))
    assert book.vectors[1].item() in (1, 2, 3)
    assert book.used.tolist() == [0, 0]
    kept = book.vectors.clone()
    book.used += 1
    book.revive(torch.Generator().manual_seed(0))
    assert torch.equal(book.vectors, kept)


def test_even_codes_take_equal_shares_of_a_batch() -> None:
    book = Book(np.array([[0.0], [10.0]], np.float32), None)
    assert book.pick(torch.tensor([[1.0], [2.0], [3.0], [4.0]]), even=True).tolist() == [0, 0, 1, 1]


def test_a_book_gives_vectors_without_a_gradient_and_the_loss_of_both_sides() -> None:
    book = Book(np.array([[0.0], [10.0]], np.float32))
    book.vectors.requires_grad_()
    points = torch.tensor([[1.0], [7.0]], requires_grad=True)
    picked, loss = book.quantise(points, 0.25)
    assert picked.ravel().tolist() == [0, 10] and not picked.requires_grad
    assert loss.item() == pytest.approx(1.25 * (1 + 9))
    loss.backward()
    assert points.grad is not None and points.grad.ravel().tolist() == pytest.approx([0.25 * 2, -0.25 * 6])
    assert book.vectors.grad is not None and book.vectors.grad.ravel().tolist() == pytest.approx([-2, 6])
    assert Book(book.vectors.detach().numpy(), 0.9).quantise(points, 0.25)[1].item() == pytest.approx(0.25 * (1 + 9))


def test_the_loop_goes_down_the_loss_and_revives_codes() -> None:
    points, draw = torch.tensor([[1.0], [2.0], [3.0], [4.0]]), torch.Generator().manual_seed(0)
    layers = vq.drawn_layers((1, 1), draw)
    book = Book(np.array([[2.5], [90.0]], np.float32))

    def loss(chosen: torch.Tensor) -> torch.Tensor:
        assert len(chosen) == 2
        return book.quantise(chosen, 0.0)[1] + (vq.through(chosen, layers, linear=False) - 3 * chosen).pow(2).sum()

    vq.learn([layers], [book], points, loss, steps=120, batch=2, learning_rate=0.2, draw=draw)
    assert layers[0][0].item() == pytest.approx(3, abs=0.1)
    assert book.vectors.max() < 5  # the code nobody used begins again among the points
    assert not book.vectors.requires_grad and not layers[0][0].requires_grad


def test_a_linear_way_begins_as_all_there_is() -> None:
    layers = vq.drawn_layers((3, 8, 2), torch.Generator().manual_seed(0))
    weight, bias = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 1.0]]), torch.tensor([0.0, 5.0])
    vq.begin_linear(layers, weight, bias)
    points = torch.tensor([[1.0, 1.0, 1.0], [0.0, 2.0, -1.0]])
    torch.testing.assert_close(vq.through(points, layers, linear=True), torch.tensor([[3.0, 6.0], [4.0, 4.0]]))
    again = vq.layers_of(vq.arrays_of(layers, "way"), "way", 3)
    torch.testing.assert_close(vq.through(points, again, linear=True), vq.through(points, layers, linear=True))


def test_batches_take_every_row_once_a_pass() -> None:
    found = vq.batches(7, 3, torch.Generator().manual_seed(0))
    first, second = next(found), next(found)
    assert len(torch.unique(torch.cat([first, second]))) == 6  # one is left over
    assert len(next(vq.batches(2, 3, torch.Generator()))) == 2


@pytest.mark.parametrize(
    "wrong", [{"codebook": 0}, {"latent": 0}, {"steps": 0}, {"batch": 0}, {"hidden": (0,)}, {"learning_rate": 0.0}, {"commitment": -1.0}]
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    right = {"codebook": 2, "latent": 2, "steps": 1, "batch": 1, "hidden": (2,), "learning_rate": 0.1, "commitment": 0.0}
    vq.check_learning(right)
    with pytest.raises(InputError, match=next(iter(wrong))):
        vq.check_learning({**right, **wrong})

"""Blends: what is added, in which units, and that parts come back as what they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.core.artifacts import write_artifact
from penchant.core.errors import ArtifactError, InputError
from penchant.data.histories import Histories
from penchant.models.blend import Blend, model_class, standardised
from penchant.models.retrieval.linear import item_knn
from penchant.models.retrieval.popularity import Popularity
from penchant.models.sequence.sasrec import SASRec, SASRecSettings

TRAIN = Histories.of([[1, 2, 3], [2, 3, 4], [2, 5], [1, 2, 6]], users=[1, 2, 3, 4])
ASKED = Histories.of([[1], [2, 3], []])


def parts() -> tuple[SASRec, Popularity]:
    torch.manual_seed(0)
    return SASRec(6, SASRecSettings(width=8, layers=1, max_len=4)).eval(), Popularity.fit(TRAIN, 6)


def test_rows_have_mean_zero_and_deviation_one_without_padding() -> None:
    found = standardised(torch.tensor([[-torch.inf, 1.0, 3.0], [-torch.inf, 10.0, -10.0]]))
    torch.testing.assert_close(found, torch.tensor([[0.0, -1.0, 1.0], [0.0, 1.0, -1.0]]))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_equal_scores_say_nothing(value: float) -> None:
    found = standardised(torch.tensor([[-torch.inf, *[value] * 7]]))
    assert not found.any()


def test_items_that_may_not_be_shown_do_not_count() -> None:
    found = standardised(torch.tensor([[-torch.inf, 1.0, -torch.inf, 3.0]]))
    torch.testing.assert_close(found, torch.tensor([[0.0, -1.0, -torch.inf, 1.0]]))


def test_scores_are_the_weighted_sum_whatever_the_units() -> None:
    sasrec, popular = parts()
    found = Blend([sasrec, popular], [0.3, 0.7]).score(ASKED)
    wanted = 0.3 * standardised(5 * sasrec.score(ASKED) + 2) + 0.7 * standardised(popular.score(ASKED))
    torch.testing.assert_close(found[:, 1:], wanted[:, 1:], rtol=1e-4, atol=1e-5)
    assert torch.isneginf(found[:, 0]).all()


@pytest.mark.parametrize("alone", [0, 1])
def test_with_one_weight_it_ranks_like_that_part(alone: int) -> None:
    models = parts()
    blend = Blend(models, [float(alone == 0), float(alone == 1)])
    np.testing.assert_array_equal(blend.recommend(ASKED, 6).items, models[alone].recommend(ASKED, 6).items)


def test_what_is_saved_comes_back_with_its_parts(tmp_path: Path) -> None:
    blend = Blend([*parts(), item_knn(TRAIN, 6)], [0.5, 0.25, 0.25])
    blend.save(tmp_path / "blend")
    again = Blend.load(tmp_path / "blend")
    assert [type(part) for part in again.parts] == [type(part) for part in blend.parts]
    torch.testing.assert_close(again.score(ASKED), blend.score(ASKED), rtol=0, atol=0)


def test_a_blend_may_hold_blends(tmp_path: Path) -> None:
    blend = Blend([Blend(parts(), [1, 1]), parts()[0]], [0.5, 0.5])
    blend.save(tmp_path / "blend")
    assert Blend.load(tmp_path / "blend").recommend(ASKED, 3).items.tolist() == blend.recommend(ASKED, 3).items.tolist()


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("penchant.models.blend", "standardised"), ("penchant.models.blend", "Path"), ("builtins", "open")],
)
def test_only_models_are_loaded(module: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"below penchant\.models"):
        model_class(module, name)
    with write_artifact(tmp_path / "made", kind="blend", settings={"weights": [1.0], "classes": [[module, name]]}) as out:
        parts()[0].save(out.path / "part-0")
    with pytest.raises(ArtifactError):
        Blend.load(tmp_path / "made")


def test_parts_and_weights_must_fit() -> None:
    sasrec, popular = parts()
    with pytest.raises(InputError, match=r"parts=\[\]: a blend needs a model"):
        Blend([], [])
    with pytest.raises(InputError, match="1 weights for 2 parts"):
        Blend([sasrec, popular], [1.0])
    with pytest.raises(InputError, match=r"catalogues of \[5, 6\] items"):
        Blend([sasrec, Popularity.fit(Histories.of([[5]]), 5)], [0.5, 0.5])
    with pytest.raises(InputError, match="weights are finite"):
        Blend([sasrec], [float("nan")])

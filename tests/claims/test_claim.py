from __future__ import annotations

from dataclasses import replace

import pytest

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.core.errors import InputError


@pytest.mark.parametrize("given", [{}, {"steps": 5, "trials": 2}, {"steps": 0}, {"seconds": -1.0}])
def test_a_budget_is_one_positive_number(given: dict[str, float]) -> None:
    with pytest.raises(InputError, match="one positive number"):
        Budget(**given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "ndcg@11"}, "is not measured"),
        ({"metric": "auc"}, "is not measured"),
        ({"shown": ("speed",)}, "is not measured"),
        ({"slice": "rich"}, "slices are"),
        ({"split": "random"}, "splits are"),
        ({"name": "No Spaces"}, "joined by hyphens"),
        ({"rivals": []}, "at least one rival"),
        ({"rivals": [Arm("wide", "sasrec")]}, "different names"),
        ({"seeds": ()}, "at least once"),
        ({"rivals": [Arm("long", "sasrec", {"epochs": 99})]}, "same budget .30 training steps an arm."),
        ({"rivals": [Arm("lucky", "sasrec", {"seed": 7})]}, "same budget"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused(claim: Claim, change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(claim, **change)


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("arXiv:1808.09781", "https://arxiv.org/abs/1808.09781"),
        ("doi:10.1145/1", "https://doi.org/10.1145/1"),
        ("https://example.org/a", "https://example.org/a"),
        ("in print", ""),
    ],
)
def test_papers_lead_to_their_page(link: str, url: str) -> None:
    assert Paper("X", "Y", "Z", link).url == url

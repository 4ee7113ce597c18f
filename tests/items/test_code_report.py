from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from penchant.core.errors import InputError
from penchant.items.code_report import code_report
from penchant.items.residual_kmeans import ResidualKMeans


def test_a_case_worked_by_hand() -> None:
    # two directions, 3 + 1 items: one code for each, nothing left for level 2
    vectors = np.array([[1, 0], [2, 0], [3, 0], [0, 1]], np.float32)
    categories = pl.Series([["all", "a"], ["all", "a", "b"], ["all", "b"], ["all", "b"]])
    report = code_report(vectors, ResidualKMeans(levels=2, codebook=2).fit(vectors), categories=categories)
    first, second = report.levels
    assert (first.codes, first.used, first.prefixes) == (2, 2, 2)
    assert first.entropy == pytest.approx(0.811278, abs=1e-6)
    assert first.perplexity == pytest.approx(2**0.811278, abs=1e-5)
    assert first.mse == pytest.approx(0.0, abs=1e-12)
    assert first.purity == pytest.approx(2 / 3)  # "all" does not count; of the three items together two have "a"
    assert (second.codes, second.used, second.entropy, second.perplexity) == (1, 1, 0.0, 1.0)
    assert (report.items, report.collisions, report.collisions_after, report.largest_group) == (4, 3, 0, 3)
    assert json.loads(json.dumps(report.plain()))["levels"][0]["used"] == 2


def test_meaningful_prefixes_are_purer_than_shuffled_ones_and_closer_to_the_vectors() -> None:
    rng = np.random.default_rng(0)
    group = rng.integers(0, 6, 400)
    vectors = (5 * rng.standard_normal((6, 12))[group] + rng.standard_normal((400, 12))).astype(np.float32)
    categories = pl.Series([[f"group {number}"] for number in group])
    report = code_report(vectors, ResidualKMeans(levels=2, codebook=8).fit(vectors), categories=categories)
    for level in report.levels:
        assert level.purity is not None and level.purity_shuffled is not None
        assert level.purity > 0.75 and level.purity_shuffled < 0.5
        assert level.mse < 0.5 * level.mse_shuffled
    assert report.levels[1].mse < report.levels[0].mse


def test_without_categories_or_shared_prefixes_there_is_no_purity() -> None:
    vectors = np.eye(3, dtype=np.float32)
    quantiser = ResidualKMeans(levels=1, codebook=8).fit(vectors)
    assert code_report(vectors, quantiser).levels[0].purity is None
    assert code_report(vectors, quantiser, categories=pl.Series([["a"], ["b"], []])).levels[0].purity is None


def test_codes_that_items_have_count_not_those_they_would_get() -> None:
    vectors = np.eye(4, dtype=np.float32)
    quantiser = ResidualKMeans(levels=1, codebook=4).fit(vectors)
    report = code_report(vectors, quantiser, codes=np.array([[0], [1], [2], [2]]))
    assert (report.levels[0].used, report.collisions, report.tables.code_rows) == (3, 2, 6)
    assert report.levels[0].mse == pytest.approx(0.5)  # the last item is given the vector of another one, at a distance of 2
    assert code_report(vectors, quantiser, codes=quantiser.encode(vectors)) == code_report(vectors, quantiser)
    with pytest.raises(InputError, match="1 levels"):
        code_report(vectors, quantiser, codes=np.zeros((4, 2), int))


def test_sentences_tell_of_what_was_measured() -> None:
    vectors = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)
    quantiser = ResidualKMeans(levels=2, codebook=4).fit(vectors)
    quick, whole = code_report(vectors, quantiser), code_report(vectors, quantiser, refits=True)
    assert quick.stability is None and len(whole.sentences()) == len(quick.sentences()) + 1
    assert whole.plain()["tables"]["ids"] == 40 * 128 and whole.plain()["tables_million"]["items"] == 1_000_000


def test_wrong_lengths_are_refused() -> None:
    vectors = np.eye(3, dtype=np.float32)
    quantiser = ResidualKMeans(levels=1, codebook=8).fit(vectors)
    with pytest.raises(InputError):
        code_report(vectors, quantiser, categories=pl.Series([["a"]]))
    with pytest.raises(InputError):
        code_report(vectors[:0], quantiser)

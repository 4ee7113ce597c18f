from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import polars as pl
import pytest

from penchant.items.code_figure import code_figure
from penchant.items.code_report import CodeReport, code_report
from penchant.items.residual_kmeans import ResidualKMeans


def full() -> CodeReport:
    vectors = np.random.default_rng(0).standard_normal((60, 6)).astype(np.float32)
    categories = pl.Series([[f"kind {n % 3}"] for n in range(60)])
    return code_report(vectors, ResidualKMeans(3, 4).fit(vectors), categories=categories, refits=True)


def test_the_figure_is_the_same_svg_for_the_same_numbers() -> None:
    drawn = code_figure(full())
    assert drawn.content == code_figure(full()).content
    assert ET.fromstring(drawn.content).tag.endswith("svg")
    assert drawn.name == "codes.svg" and "60 items" in drawn.caption
    assert "Level 3" in drawn.alt and "nearest neighbours" in drawn.alt and "matched labels" in drawn.alt


@pytest.mark.parametrize("vectors", [np.ones((1, 4)), np.zeros((3, 4)), np.ones((12, 4)), np.eye(4)])
def test_one_item_empty_texts_and_twins_are_drawn_too(vectors: np.ndarray) -> None:
    report = code_report(vectors.astype(np.float32), ResidualKMeans(2, 256).fit(vectors), refits=True)
    assert ET.fromstring(code_figure(report).content).tag.endswith("svg")
    assert (report.neighbours is None) == (len(vectors) == 1) and (report.stability is None) == (len(vectors) < 10)


def test_many_levels_stay_readable() -> None:
    vectors = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)
    assert code_figure(code_report(vectors, ResidualKMeans(20, 2).fit(vectors))).content

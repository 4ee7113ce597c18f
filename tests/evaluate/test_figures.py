from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from penchant.evaluate import figures
from penchant.evaluate.protocol import Seen
from penchant.evaluate.results import Cost, Figure, Row, SliceRow
from penchant.evaluate.significance import Interval


def rows(count: int = 3) -> list[Row]:
    return [
        Row(
            f"Model {index}",
            seen,
            {"ndcg@10": Interval(0.1 * index, 0.1 * index - 0.01, 0.1 * index + 0.02)},
            {"coverage@10": 0.2 * index},
            Cost(),
            1.0,
            2.0,
        )
        for seen in Seen
        for index in range(count)
    ]


def parts() -> list[SliceRow]:
    value = {"ndcg@10": Interval(0.2, 0.1, 0.3)}
    return [
        SliceRow(group, name, "rule", 1234, model, seen, value)
        for seen in Seen
        for model in ("Tandem", "EASE")
        for group, names in (("target popularity", ("head", "tail")), ("history length", ("short", "long")))
        for name in names
    ]


def all_figures() -> list[Figure]:
    return [
        figures.accuracy(rows(), "ndcg@10", 0.95),
        figures.by_slice(parts(), "ndcg@10", 0.95),
        figures.coverage(rows(), "ndcg@10", "coverage@10"),
        figures.training({"Tandem": [(1, 0.1), (2, 0.3)], "SASRec": [(1, 0.2)]}, "ndcg@10", ["Tandem"]),
    ]


@pytest.fixture(scope="module")
def drawn_once() -> list[Figure]:
    return all_figures()


def test_figures_are_svg_on_white_with_words_for_those_who_do_not_see_them(drawn_once: list[Figure]) -> None:
    for drawn in drawn_once:
        root = ET.fromstring(drawn.content)
        assert root.tag.endswith("svg")
        assert drawn.name.endswith(".svg")
        assert b"fill: #ffffff" in drawn.content
        assert len(drawn.caption) > 20
        assert len(drawn.alt) > 20


def test_alt_text_tells_the_numbers(drawn_once: list[Figure]) -> None:
    accuracy, slices, coverage, training = drawn_once
    assert "Model 1, seen items removed: 0.1000 (0.0900 to 0.1200)" in accuracy.alt
    assert "history length long, EASE: 0.2000 (0.1000 to 0.3000)" in slices.alt
    assert "seen items removed" in slices.caption
    assert "Model 2, seen items kept: 40.0% of the catalogue, NDCG@10 0.2000" in coverage.alt
    assert "Tandem: best 0.3000 at epoch 2; SASRec: best 0.2000 at epoch 1" in training.alt


def test_same_numbers_same_bytes(drawn_once: list[Figure]) -> None:
    assert [drawn.content for drawn in drawn_once] == [drawn.content for drawn in all_figures()]


def test_more_models_than_colours_can_be_drawn() -> None:
    assert figures.coverage(rows(12), "ndcg@10", "coverage@10").content.count(b"<use") > figures.coverage(
        rows(2), "ndcg@10", "coverage@10"
    ).content.count(b"<use")


@pytest.mark.parametrize("colour", figures.COLOURS)
def test_colours_stand_out_from_white(colour: str) -> None:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 3  # WCAG's contrast for graphics

from __future__ import annotations

import pytest

from penchant.pipeline.release import Release
from penchant.serve import cards as module
from penchant.serve.cards import Cards


def test_a_card_says_what_the_catalogue_says(tiny_release: Release) -> None:
    space = tiny_release.space
    for code, card in zip((60, 1, 3), Cards(space).of([60, 1, 3]), strict=True):
        item = space.catalog.item(code)
        assert {name: card[name] for name in ("item_id", "title", "categories", "brand", "year", "description")} == {
            name: item[name] for name in ("item_id", "title", "categories", "brand", "year", "description")
        }
        assert card["codes"] == space.codes[code].tolist()
        assert card["tier"] == ("new", "tail", "mid", "head")[space.tiers[code]]


def test_order_and_repeats_are_kept_and_memory_is_bounded(tiny_release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 5)
    cards = Cards(tiny_release.space)
    for codes in ([3, 1, 3], [1, 2, 3, 4, 5, 6], [6, 7, 1], []):
        assert cards.ids(codes) == [f"i{code}" for code in codes]
        assert cards.ids(codes) == [f"i{code}" for code in codes], "from memory"
    assert len(cards._kept) < 5 + 6
    assert cards.titles([1]) == ["Story of the Star 1"]

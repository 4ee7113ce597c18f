"""Intents across domains as the service tells them."""

from __future__ import annotations

from collections.abc import Sequence

from penchant.serve.cards import Cards
from penchant.serve.portraits.answers import IntentOut, SourceOut
from penchant.users.intents import Intent


def intents_out(intents: Sequence[Intent], cards: Cards) -> list[IntentOut]:
    """With titles."""
    return [
        IntentOut(
            path=list(one.path),
            strength=one.strength,
            because=[
                SourceOut(path=list(source.path), share=source.share, item_id=card["item_id"], title=card["title"])
                for source, card in zip(one.sources, cards.of([source.item for source in one.sources]), strict=True)
            ],
        )
        for one in intents
    ]

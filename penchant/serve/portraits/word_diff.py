"""What differs between two texts, word by word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal


@dataclass(frozen=True)
class Piece:
    """A part of a text that stayed, came, or went."""

    kind: Literal["same", "added", "removed"]
    text: str


def word_diff(before: str, after: str) -> list[Piece]:
    """Pieces in order: without the added ones they are ``before``, without the removed ones ``after``."""
    one, other = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (before, after))
    pieces: list[Piece] = []
    for kind, begin, end, start, stop in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(one[begin:end])))
            continue
        if end > begin:
            pieces.append(Piece("removed", "".join(one[begin:end])))
        if stop > start:
            pieces.append(Piece("added", "".join(other[start:stop])))
    return pieces

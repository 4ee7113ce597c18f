"""What differs between two texts, word by word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

_ALIKE = 0.6  # share of words and blanks that two texts have in common from which on they are told as one


@dataclass(frozen=True)
class Piece:
    """A part of a text that stayed, came, or went."""

    kind: Literal["same", "added", "removed"]
    text: str


def word_diff(before: str, after: str) -> list[Piece]:
    """Pieces in order: without the added ones they are ``before``, without the removed ones ``after``.

    Texts that have little in common are told one after the other: nobody can read two texts in one.
    """
    one, other = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (before, after))
    matched = SequenceMatcher(None, one, other, autojunk=False)
    if before and after and matched.ratio() < _ALIKE:
        return [Piece("removed", before), Piece("added", after)]
    pieces: list[Piece] = []
    for kind, begin, end, start, stop in matched.get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(one[begin:end])))
            continue
        if end > begin:
            pieces.append(Piece("removed", "".join(one[begin:end])))
        if stop > start:
            pieces.append(Piece("added", "".join(other[start:stop])))
    return pieces

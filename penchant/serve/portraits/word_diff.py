"""What differs between two texts, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal

_ALIKE = 0.6  # share of words and blanks that two texts have in common from which on they are told as one
_MOST = 250  # words and blanks of each text that are compared: a tenth of a second at worst


@dataclass(frozen=True)
class Piece:
    """A part of a text that stayed, came, or went."""

    kind: Literal["same", "added", "removed"]
    text: str


def word_diff(before: str, after: str) -> list[Piece]:
    """Pieces in order: without the added ones they are ``before``, without the removed ones ``after``.

    Texts that have little in common are told one after the other: nobody can read two texts in one. Of long texts the first words
    that differ are compared, and all that follows them up to a common end is told as replaced, as the work grows with the square.
    """
    one, other = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (before, after))
    first = _common(one, other)
    last = _common(one[first:][::-1], other[first:][::-1])
    gone, came = one[first : len(one) - last], other[first : len(other) - last]
    matched = SequenceMatcher(None, gone[:_MOST], came[:_MOST], autojunk=False)
    same = first + last + sum(block.size for block in matched.get_matching_blocks())
    if before and after and 2 * same < _ALIKE * (len(one) + len(other)):
        return [Piece("removed", before), Piece("added", after)]
    parts: list[Piece] = [Piece("same", "".join(one[:first]))]
    for kind, begin, end, start, stop in matched.get_opcodes():
        if kind == "equal":
            parts.append(Piece("same", "".join(gone[begin:end])))
            continue
        parts += [Piece("removed", "".join(gone[begin:end])), Piece("added", "".join(came[start:stop]))]
    parts += [Piece("removed", "".join(gone[_MOST:])), Piece("added", "".join(came[_MOST:]))]
    parts.append(Piece("same", "".join(one[len(one) - last :])))
    runs = [list(run) for _, run in groupby((part for part in parts if part.text), key=lambda part: part.kind)]
    return [Piece(run[0].kind, "".join(part.text for part in run)) for run in runs]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """With how many equal words both begin."""
    return next(
        (place for place, (word, against) in enumerate(zip(one, other, strict=False)) if word != against), min(len(one), len(other))
    )

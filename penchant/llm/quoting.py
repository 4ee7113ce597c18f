"""Texts of other people inside a prompt: shortened, on one line, in quotation marks, and without sentences that speak to the model.

Titles and descriptions come from sellers, queries from anyone. What they say is data. No filter of words finds every sentence that
gives orders to a model; what guarantees that no label outside the set and no text outside the schema can appear is decoding
(``penchant.llm.guided``), not this.
"""

from __future__ import annotations

import json
import re
import unicodedata

_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn"}  # controls, invisible marks, private and unassigned characters
_JOINERS = {"\u200d", "\ufe0f"}  # they hold emoji together

# Orders to whoever reads the text, and turns of a conversation that are none: each goes, to the end of its sentence.
_ORDERS = re.compile(
    r"""
    \b(?:please\s+)?(?:ignore|disregard|forget|override|bypass)\b[^.!?\n]{0,40}
        \b(?:instruction|prompt|rule|direction|guideline|context|message|above|previous|prior|before|earlier|everything)\w*
    | \b(?:new|updated|real|actual)\s+(?:system\s+)?(?:instruction|prompt)s?\b
    | \b(?:system|developer|hidden)\s+(?:prompt|message|instruction|override)s?\b
    | \byou\s+are\s+(?:now\s+|no\s+longer\s+)?an?\s+(?:\w+\s+){0,2}(?:assistant|ai|bot|model|chatbot|expert|classifier|system)\b
    | \byou\s+(?:must|will|should|shall|have\s+to)\s+(?:now\s+|only\s+|always\s+)?(?:answer|respond|reply|output|label|classify)\b
    | \b(?:always|only|just|instead|now)\s+(?:answer|respond|reply|output)\b
    | \b(?:answer|respond|reply|output)\s+(?:only\s+)?(?:with|in|as|using)\b
    | \b(?:label|classify|categori[sz]e|mark|tag|rate|rank)\s+(?:this|it|that|them|all|everything|every|the)\b
        (?=.{0,40}\b(?:as|by|under|into)\b)
    | \b(?:pretend|act|behave)\s+(?:to\s+be|as|like)\s+(?:an?\s+)?(?:\w+\s+){0,2}(?:assistant|ai|bot|model|you)\b
    | \b(?:the\s+)?(?:correct|right|only|true)\s+(?:answer|label|category|output)\s+(?:is|must)\b
    | (?:^|[\n"'])\s*(?:assistant|user)\s*:
    | \[/?(?:inst|sys|system)\] | <</?sys>> | \#{2,}\s*(?:instruction|system|response|input)\w*
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SENTENCE_END = re.compile(r"[.!?\n]")


def plain(text: str, most: int = 400) -> str:
    """A text on one line: without invisible characters and without orders to the reader, cut at a word.

    Args:
        most: Characters.
    """
    text = unicodedata.normalize("NFC", text[: 20 * most])
    text = "".join(
        one if one in _JOINERS or unicodedata.category(one) not in _HIDDEN else "\n" if one in "\n\r\x0b\x0c" else " " for one in text
    )
    kept, place = [], 0
    while found := _ORDERS.search(text, place):
        kept.append(text[place : found.start()])
        end = _SENTENCE_END.search(text, found.end())
        place = len(text) if end is None else end.end()
    kept.append(text[place:])
    text = " ".join(" ".join(kept).split())
    if len(text) > most:
        text = text[:most].rsplit(" ", 1)[0].rstrip(" ,;:-") + " …"
    return text


def quoted(text: str, most: int = 400) -> str:
    """``plain``, in quotation marks that the text cannot end by itself."""
    return json.dumps(plain(text, most), ensure_ascii=False)

"""Sentences of explanations with one thing in them that is not so: what finds untrue sentences is tried on them."""

from __future__ import annotations

import random
import re

from penchant.evaluate.facts import Evidence
from penchant.pipeline.explanations import Case, Explanations
from penchant.pipeline.reasons import VERBS

_COUNTED = re.compile(r"([\d,]+)(?= of your [\d,]+ events)|(?<= of your )([\d,]+)(?= events)")


def edited(sentence: str, case: Case, made: Explanations, dice: random.Random) -> str | None:
    """The sentence with another category, another item, another verb, another number or a negation; None where nothing can be edited.

    Args:
        sentence: True, and of the template.
        case: What it is about.
        made: Knows the catalogue.
        dice: Decides what is edited.
    """
    evidence = case.evidence
    genres = sorted({name for names in made.categories for name in names})
    strange = [one for one in genres if one not in (*evidence.attributes, *evidence.interests)]
    edits = []
    for name in evidence.attributes:
        if name in sentence:
            if strange:
                edits.append(sentence.replace(name, dice.choice(strange)))
            edits.append(sentence.replace("It is ", "It is not "))
    for name, verb in case.because:
        if name in sentence:
            edits.append(
                sentence.replace(name, dice.choice([one for one in made.titles if one not in evidence.had and one != evidence.item]))
            )
            edits.append(sentence.replace("you ", "you never "))
            edits.append(sentence.replace(verb, dice.choice([one for one in VERBS.values() if one != verb and one not in verb])))
    for found in _COUNTED.finditer(sentence):
        number = int(found[0].replace(",", "")) + dice.choice([-1, 1])
        edits.append(f"{sentence[: found.start()]}{number:,}{sentence[found.end() :]}")
    edits.append(sentence.replace("(both ", "(all ") if "(both " in sentence else sentence.replace("(all ", "(both "))
    edits = [one for one in edits if one != sentence]
    return dice.choice(edits) if edits else None


def as_text(evidence: Evidence) -> str:
    """All facts as one text, for likeness."""
    return f"{evidence.item}. {', '.join(evidence.attributes)}. {', '.join(evidence.had)}. {', '.join(evidence.interests)}"

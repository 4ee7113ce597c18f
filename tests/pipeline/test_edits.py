"""Edits of true sentences: each of them is found by the rules, and says one thing that is not so."""

from __future__ import annotations

import random

from penchant.evaluate.facts import Evidence
from penchant.pipeline.edits import as_text, edited
from penchant.pipeline.explanations import Case
from penchant.recipes.language.told import Grounds
from tests.recipes.language.worlds import world


def test_every_edit_is_found_and_no_sentence_stays() -> None:
    small = world()
    grounds = Grounds.of(small.lab(0))
    cases = grounds.cases(small.split.test.histories)
    assert len(cases) == len(small.split.test)
    kinds = set()
    for seed, case in enumerate(cases * 4):
        for one in grounds.made.checker.check(grounds.made.template(case).text, case.evidence):
            assert one.supported
            edit = edited(one.text, case, grounds.made, random.Random(seed))
            if edit is not None:
                assert edit != one.text
                assert not any(each.supported for each in grounds.made.checker.check(edit, case.evidence)), edit
                kinds.add("not" if " not " in edit or " never " in edit else "other")
    assert kinds == {"not", "other"}


def test_what_has_no_names_is_not_edited() -> None:
    grounds = Grounds.of(world().lab(0))
    assert edited("It fits what people alike choose.", Case(Evidence("A"), ()), grounds.made, random.Random(0)) is None


def test_facts_as_one_text() -> None:
    assert as_text(Evidence("A", ("War",), {"B": frozenset({"rated"})}, ("Drama",))) == "A. War. B. Drama"

"""Edits of true sentences: each of them is found by the rules, and says one thing that is not so."""

from __future__ import annotations

import random

import numpy as np

from penchant.data.histories import Histories
from penchant.evaluate.facts import Evidence
from penchant.pipeline.edits import as_text, edited
from penchant.pipeline.explanations import Case
from penchant.pipeline.kinship import Kinship
from penchant.pipeline.reasons import ByScores, reasons
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


class Akin:
    """An explainer to whom the events of an item's category are worth ``much`` each, and nothing else is."""

    def __init__(self, categories: list[tuple[str, ...]], much: float) -> None:
        self.categories, self.much = categories, much

    def chances(self, histories: Histories, items: np.ndarray, seconds: float | None = None) -> np.ndarray:
        rows = [[self.categories[past - 1] for past in histories.row(row).tolist()] for row in range(len(histories))]
        return np.array([[self.much * row.count(self.categories[item - 1]) for item in items.tolist()] for row in rows], np.float32)


def test_reasons_as_they_are_served_are_borne_out_and_no_edit_of_them_is() -> None:
    grounds, dice = Grounds.of(world().lab(0)), np.random.default_rng(0)
    made, kinship = grounds.made, Kinship.of(grounds.portraits.tree)
    found: dict[str, set[str]] = {"shared": set(), "alone": set(), "interest": set()}
    for seed in range(30):
        history = Histories.of([dice.integers(1, 31, 15)])
        items = grounds.ranker.recommend(history, 8, exclude=history).items[0]
        for explainer in (ByScores(grounds.ranker), Akin(made.categories, 1.0), Akin(made.categories, 0.0)):
            why = reasons(explainer, made.catalog, history, items, kinship=kinship)
            cases = made.cases(history, grounds.portraits.of(history), list(zip(items.tolist(), why, strict=True)))
            for case, one in zip(cases, why, strict=True):
                if one.kind == "history":
                    continue
                (told,) = made.checker.check(one.text, case.evidence)
                assert told.supported, (one.text, told.wrong)
                for again in range(4):
                    edit = edited(one.text, case, made, random.Random(31 * seed + again))
                    assert edit is not None
                    assert edit != one.text
                    assert not any(each.supported for each in made.checker.check(edit, case.evidence)), (one.text, edit)
                    found["interest" if one.interest else "shared" if one.shared else "alone"].add(edit)
    assert all(len(edits) > 20 for edits in found.values()), {kind: len(edits) for kind, edits in found.items()}

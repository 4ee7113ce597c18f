"""Counterfactual prompts: what is asked, what counts as changed, corrections, and who is flagged."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import AnswerError, InputError
from penchant.llm.model import Ask, Choice, Choose
from penchant.llm.scripted import Scripted
from penchant.users.bias import GENDER_AND_AGE, NOBODY, Counterfactuals, Facts, averaged, changed, flagged, offsets, top

INTERESTS = ("War", "Drama", "Romance", "Horror")
ANNA = Facts(("Drama", "War"), ("Casablanca", "Glory"))
BERT = Facts(("Horror",), ("Alien",))


def prejudiced(asked: Ask | Choose) -> Choice:
    """Adds romance to women and war to men, to whatever the person often chooses."""
    said = asked.messages[-1].content
    scores = np.array([3.0 * (name in said) for name in INTERESTS])
    scores[2 if "woman" in said else 0] += 4.0
    return Choice(int(scores.argmax()), scores)


def scored() -> np.ndarray:
    return Counterfactuals(Scripted(prejudiced), INTERESTS).scores([ANNA, BERT])


def test_only_the_words_for_who_it_is_differ() -> None:
    asking = Counterfactuals(Scripted(prejudiced), INTERESTS)
    texts = [asking.question(ANNA, wording).messages[-1].content.replace(wording, "X") for wording in GENDER_AND_AGE]
    assert len(set(texts)) == 1
    assert '"Drama, War"' in texts[0]
    assert '"Casablanca, Glory"' in texts[0]


def test_scores_are_chances_by_person_and_wording() -> None:
    scores = scored()
    assert scores.shape == (2, 4, 4)
    np.testing.assert_allclose(np.exp(scores).sum(axis=2), 1.0)
    assert top(scores, 1)[1].ravel().tolist() == [2, 0, 2, 0]


def test_changes_are_shares_of_the_top_over_pairs_of_wordings() -> None:
    scores = np.array([[[3.0, 2, 1, 0], [3, 1, 2, 0]], [[3, 2, 1, 0], [3, 2, 1, 0]], [[3, 2, 1, 0], [0, 1, 2, 3]]])
    assert changed(scores, 2).tolist() == [0.5, 0.0, 1.0]
    assert changed(scores, 4).tolist() == [0.0, 0.0, 0.0]
    assert changed(scores[:, :1], 2).tolist() == [0.0, 0.0, 0.0]
    assert changed(scored(), 2).tolist() == pytest.approx([1 / 3, 1 / 3])


def test_an_average_leaves_nothing_to_change_and_offsets_take_off_what_is_common() -> None:
    scores = scored()
    assert changed(averaged(scores), 2).tolist() == [0.0, 0.0]
    off = offsets(scores[:1])
    np.testing.assert_allclose(off.mean(axis=0), 0.0, atol=1e-12)
    fair = scores[1:] - off  # fitted by Anna, for Bert
    assert changed(fair, 2).tolist() == [0.0]
    assert changed(scores[1:], 2)[0] > 0


def test_people_are_flagged_with_the_worst_pair_of_wordings() -> None:
    found = flagged(scored(), INTERESTS, GENDER_AND_AGE, k=2)
    assert {one.person for one in found} == {0, 1}
    (bert,) = (one for one in found if one.person == 1)
    assert {bert.lost, bert.gained} == {("War",), ("Romance",)}
    assert "in place of" in bert.why
    assert flagged(averaged(scored()), INTERESTS, GENDER_AND_AGE) == []
    assert flagged(scored()[:, :1], INTERESTS, NOBODY) == []


def test_a_choice_without_scores_is_the_first_place_and_no_answer_says_nothing() -> None:
    told = Counterfactuals(Scripted(lambda _: "Horror"), INTERESTS, NOBODY).scores([ANNA])
    assert top(told, 1).ravel().tolist() == [3]
    silent = Counterfactuals(Scripted(lambda _: AnswerError("x", "refused", "ask again")), INTERESTS).scores([ANNA])
    np.testing.assert_allclose(np.exp(silent), 0.25)


def test_wrong_wordings_and_counts_are_refused() -> None:
    with pytest.raises(InputError, match=r"wordings=\(\)"):
        Counterfactuals(Scripted([]), INTERESTS, ())
    with pytest.raises(InputError, match="comes twice"):
        Counterfactuals(Scripted([]), INTERESTS, ("a", "a"))
    with pytest.raises(InputError, match="k=5: there are 4 interests"):
        changed(scored(), 5)

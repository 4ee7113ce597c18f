"""Explanations: do the facts bear them out, do they name what drove the item, and are they this user's.

On a release (by default the demo's of MovieLens-100K), with the small local model, seed 0:

- *The checker*: sentences of the template, true by construction, and each of them edited in one place (another genre, an item that the
  user did not have, another verb, a negation). How many edits are found, how many true sentences are left alone; beside it the
  likeness (MiniLM) of a sentence to its facts, and whether the model says that these entail it. The rules were written with such edits
  in mind; how they fare with sentences of models is told by ``docs/explanations-checked.csv``, read one by one (column ``read``).
- *Who writes*, of items that events drove: precision of statements by the checker, statements and facts told an item, of the template and
  of the model as it writes; and what is left of the model's words after the check, of which the same checker finds all true, of course.
- *Deletion* (A9): how much an item's log-probability falls without the events that are named, against any of the user's recent events:
  by the model that named them, and by one that did not (EASE).
- *This user's*: how many explanations of one user the facts of another one bear out.

Run: python -m benchmarks.explanations [--release FOLDER] [--users 60]
"""

from __future__ import annotations

import argparse
import csv
import random
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.harness import row, write
from penchant.core.assets import cache_folder
from penchant.core.progress import track
from penchant.data.histories import Histories
from penchant.evaluate.entailment import Entailment
from penchant.evaluate.facts import Evidence, Statement, precision
from penchant.items.minilm import MiniLM
from penchant.llm.cache import Cached
from penchant.llm.local import LocalModel
from penchant.llm.model import Completion, LanguageModel
from penchant.pipeline.edits import as_text, edited
from penchant.pipeline.explanations import Case, Explanations, deleted
from penchant.pipeline.reasons import ByScores, score_drops
from penchant.pipeline.release import Release, load_release
from penchant.users.categories import CategoryTree
from penchant.users.portrait import Portraits

LIST, EDITS = 5, 300
SAMPLE = Path("docs/explanations-checked.csv")


def cases(release: Release, users: int) -> tuple[Explanations, list[tuple[int, Histories, Case, tuple[int, ...], int]]]:
    """Of each of some users the first places of the list: (user, history, case, codes of causes, item)."""
    made = Explanations(release.space.catalog)
    portraits = Portraits.fit(release.histories, CategoryTree.of(release.space.catalog))
    recommender, found = release.recommender(), []
    for user in track(np.random.default_rng(0).choice(len(release.histories), users, replace=False).tolist(), "lists", unit="users"):
        history = release.histories.take(np.array([user]))
        portrait = portraits.of(history)
        listed = recommender.recommend(history=history, k=LIST).suggestions
        made_of = made.cases(history, portrait, [(one.item, one.reason) for one in listed])
        found += [(user, history, case, one.reason.because, one.item) for one, case in zip(listed, made_of, strict=True)]
    return made, found


def checker_rows(made: Explanations, found: list[tuple[int, Histories, Case, tuple[int, ...], int]], model: LanguageModel) -> list[dict]:
    """How the checker, likeness and entailment by a model tell true sentences from edited ones."""
    dice, true, wrong = random.Random(0), [], []
    for _, _, case, _, _ in dice.sample(found, len(found)):
        for one in made.checker.check(made.template(case).text, case.evidence):
            edit = edited(one.text, case, made, dice)
            if edit is not None and len(wrong) < EDITS:
                true.append((one.text, case.evidence))
                wrong.append((edit, case.evidence))

    def supported(pairs: list[tuple[str, Evidence]]) -> np.ndarray:
        return np.array([all(one.supported for one in made.checker.check(text, evidence)) for text, evidence in pairs])

    encoder = MiniLM.fetch()
    told = encoder.encode([text for text, _ in true + wrong])
    near = (told * encoder.encode([as_text(evidence) for _, evidence in true + wrong])).sum(axis=1)
    labels = np.repeat([1, 0], [len(true), len(wrong)])
    found_wrong, left_alone = float(1 - supported(wrong).mean()), float(supported(true).mean())
    entailed = Entailment(model).scores(true + wrong)
    return [
        row(f"checker: edited sentences found, of {len(wrong)}", "share", found_wrong, bar=0.95, below=False),
        row(f"checker: true sentences left alone, of {len(true)}", "share", left_alone, bar=0.95, below=False),
        row("checker, true against edited", "AUC", (found_wrong + left_alone) / 2),
        row("likeness of a sentence to its facts (MiniLM), true against edited", "AUC", float(roc_auc_score(labels, near))),
        row(f"entailment by {model.name}, true against edited", "AUC", float(roc_auc_score(labels, entailed))),
    ]


def writer_rows(made: Explanations, found: list[tuple[int, Histories, Case, tuple[int, ...], int]], model: LanguageModel) -> list[dict]:
    """What template and model say, and what is left of it; a sample of it goes to a file for people."""
    cases = [case for _, _, case, _, _ in found if case.because]  # of the others no model is asked
    answers = model.complete([made.question(case) for case in cases])
    written = [one.text if isinstance(one, Completion) else "" for one in answers]
    arms = {"template": [made.template(case).text for case in cases], f"{model.name}, as it writes": written}
    checked = [made.looked_up(case, answer, model.name) for case, answer in zip(cases, answers, strict=True)]
    arms[f"{model.name}, checked, else template"] = [one.text for one in checked]
    rows, told = [], {}
    for name, texts in arms.items():
        told[name] = [made.checker.check(text, case.evidence) for text, case in zip(texts, cases, strict=True)]
        statements = [one for of_case in told[name] for one in of_case]
        count = sum(len(set(one.facts)) for one in statements)
        rows += [
            row(f"{name}: statements that the facts bear out", "share", precision(statements)),
            row(f"{name}: statements", "an item", len(statements) / len(cases)),
            row(f"{name}: facts told", "an item", count / len(cases)),
        ]
    own = float(np.mean([one.author == model.name for one in checked]))
    rows.append(row(f"{model.name}: explanations with a word of its own left after the check", "share", own))
    return [*rows, *_read(_sample(cases, told))]


def _sample(cases: list[Case], told: dict[str, list[list[Statement]]]) -> list[dict[str, str]]:
    """50 sentences with what the checker says, and a column for who reads them; what was written there before is kept."""
    old = {}
    if SAMPLE.is_file():
        with SAMPLE.open(encoding="utf-8") as file:
            old = {(line["sentence"], line["item"]): line["read"] for line in csv.DictReader(file)}
    every = [
        (name, one, case)
        for name, of_cases in told.items()
        for case, of_case in zip(cases, of_cases, strict=True)
        for one in of_case
        if "checked" not in name
    ]
    lines = []
    for name, one, case in random.Random(1).sample(every, min(50, len(every))):
        evidence = case.evidence
        lines.append(
            {
                "author": name,
                "item": evidence.item,
                "item_is": "|".join(evidence.attributes),
                "because": "|".join(title for title, _ in case.because),
                "often": "|".join(evidence.interests),
                "sentence": one.text,
                "checker": "supported" if one.supported else "not supported",
                "why": one.wrong,
                "read": old.get((one.text, evidence.item), ""),
            }
        )
    with SAMPLE.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(lines[0]))
        table.writeheader()
        table.writerows(lines)
    return lines


def _read(lines: list[dict[str, str]]) -> list[dict]:
    """What reading says of the checker; nothing where not all sentences were read."""
    if not all(line["read"] for line in lines):
        return []
    passed = [line["read"] == "true" for line in lines if line["checker"] == "supported"]
    dropped = [line["read"].startswith("true") for line in lines if line["checker"] != "supported"]
    return [
        row(
            f"sentences that passed the check and are true as they are read, of {len(passed)}",
            "share",
            float(np.mean(passed)),
            bar=0.95,
            below=False,
        ),
        row(f"sentences that the check dropped though they are true, of {len(dropped)}", "share", float(np.mean(dropped))),
    ]


def deletion_rows(release: Release, found: list[tuple[int, Histories, Case, tuple[int, ...], int]]) -> list[dict]:
    """What an item loses without the events that are named."""
    by_user: dict[int, list[tuple[tuple[int, ...], int]]] = {}
    histories = {user: history for user, history, _, _, _ in found}
    for user, _, _, because, item in found:
        by_user.setdefault(user, []).append((because, item))
    rows = []
    for name, model in (("Tandem, which named them", release.explainer()), ("EASE, which did not", ByScores(release.models["ease"]))):
        named, usual = [], []
        for user, ones in by_user.items():
            past, drops = score_drops(model, histories[user], np.array([item for _, item in ones]))
            one, other = deleted(drops, past, [because for because, _ in ones])
            named.append(one)
            usual.append(other)
        one, other = np.concatenate(named), np.concatenate(usual)
        which = ~np.isnan(one)
        rows += [
            row(f"deletion by {name}: log-probability lost without the named events", "nats", float(one[which].mean())),
            row(f"deletion by {name}: without any of the 12 newest items, on average", "nats", float(other[which].mean())),
            row(f"deletion by {name}: named lose more than average", "share", float((one[which] > other[which]).mean())),
        ]
    return rows


def personal_row(made: Explanations, found: list[tuple[int, Histories, Case, tuple[int, ...], int]]) -> dict:
    """Explanations of one user held against the history and interests of another one."""
    dice, borne = random.Random(0), []
    for user, _, case, _, _ in found:
        if not case.because:
            continue
        other = dice.choice([one for one in found if one[0] != user])[2].evidence
        swapped = Evidence(case.evidence.item, case.evidence.attributes, other.had, other.interests, case.evidence.text)
        borne.append(all(one.supported for one in made.checker.check(made.template(case).text, swapped)))
    return row(f"explanations by events borne out by another user's facts, of {len(borne)}", "share", float(np.mean(borne)))


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", type=Path, default=Path("runs/ml-100k/release"))
    parser.add_argument("--users", type=int, default=60)
    arguments = parser.parse_args()
    release = load_release(arguments.release)
    made, found = cases(release, arguments.users)
    model = Cached(LocalModel.fetch(), cache_folder() / "answers.sqlite")
    write(
        "explanations",
        [
            *checker_rows(made, found, model),
            *writer_rows(made, found, model),
            *deletion_rows(release, found),
            personal_row(made, found),
        ],
    )


if __name__ == "__main__":
    main()

"""``penchant judge``: how good the matches of served lists are, by a language model, and by a light classifier that learnt from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sklearn.metrics import roc_auc_score

from penchant.cli.enrich import told_of
from penchant.cli.language_models import SMALL, ModelOption, PricesOption, ServerOption, SpendOption, language_model
from penchant.cli.options import OutOption, ReleaseOption, SeedOption, out_folder
from penchant.cli.serving import DEFAULT_RELEASE
from penchant.cli.teach import STEPS, StepsOption, StudentOption, TeachOption, check_free, teach
from penchant.items.item_space import TEXT
from penchant.llm.batch import run
from penchant.llm.lines import read
from penchant.llm.model import Choice
from penchant.pipeline.matches import BadMatches
from penchant.pipeline.release import load_release, with_matches
from penchant.pipeline.shelf import release_at
from penchant.users.match import MatchFilter, MatchJudge, PairFeatures, Taste

console = Console()
_SHOWN = 8
_HELD = 0.2  # of the pairs, which the classifier does not learn from


def judge(
    release: ReleaseOption = DEFAULT_RELEASE,
    model: ModelOption = SMALL,
    server: ServerOption = None,
    prices: PricesOption = "0,0",
    spend: SpendOption = None,
    users: Annotated[int, typer.Option("--users", min=1, help="Whose lists are judged, drawn by chance.")] = 100,
    k: Annotated[int, typer.Option("-k", min=1, help="Length of a list.")] = 5,
    bad: Annotated[float, typer.Option("--bad", help="Share of matches that are bad; ask a few people.")] = 0.2,
    seed: SeedOption = 0,
    out: OutOption = None,
    write: Annotated[
        Path | None, typer.Option("--write", help="Folder for the same release with the classifier in it: its lists leave out the worst.")
    ] = None,
    share: Annotated[float, typer.Option("--share", min=0.0, max=0.9, help="Of what could take a place, which is left out.")] = 0.2,
    teach_to: TeachOption = None,
    student: StudentOption = SMALL,
    steps: StepsOption = STEPS,
) -> None:
    """Judge served lists by a language model, and teach its labels to a light classifier.

    Labels go to `judged.jsonl`; of the classifier is told how well it repeats them on other pairs. A run that was stopped goes on where it
    was. A model's labels are not the truth: hold some against people's before you leave anything out by them, with `--write`.

    Example: `penchant judge --users 50 --model smollm2`
    """
    check_free(teach_to)
    loaded = load_release(release_at(release))
    people = len(loaded.histories)
    drawn = np.random.default_rng(seed).choice(people, min(users, people), replace=False).tolist()
    tastes = {row: Taste.of(loaded.histories.take(np.array([row]))) for row in drawn}
    recommender = loaded.recommender()
    pairs = {
        json.dumps([loaded.users.ids[row], one.item_id]): (tastes[row], one.item)
        for row in drawn
        for one in recommender.recommend(history=loaded.histories.take(np.array([row])), k=k).suggestions
    }
    asked = language_model(model, server, prices, spend)
    judging = MatchJudge(asked, loaded.space.catalog.titles(), bad=bad)
    folder = out_folder(out, "judged")
    rows = [(name, judging.question(*pair)) for name, pair in pairs.items()]
    done = run(rows, asked, folder / "judged.jsonl")
    answers = read(folder / "judged.jsonl")
    judged = {name: judging.read(found) for name in pairs if isinstance(found := answers.get(name), Choice)}
    console.print(told_of(done))
    table = Table("user", "item", "bad match")
    titles = loaded.space.catalog.titles()
    for name, chance in sorted(judged.items(), key=lambda one: -one[1])[:_SHOWN]:
        table.add_row(escape(json.loads(name)[0]), escape(titles[pairs[name][1] - 1]), f"{chance:.0%}")
    console.print(table)
    known = PairFeatures.counting(loaded.space.vectors[TEXT], [Taste.of(loaded.histories)])  # counted over all, whoever liked it
    features = known.of([pairs[name] for name in judged])
    labels = np.array(list(judged.values()))
    held = np.random.default_rng(seed).random(len(labels)) < _HELD
    worse = labels[held] > np.median(labels) if len(labels) else np.zeros(0, bool)
    if worse.any() and not worse.all() and not held.all():
        likeness = roc_auc_score(worse, MatchFilter.fit(features[~held], labels[~held]).bad(features[held]))
        console.print(
            f"The classifier tells the model's worse half from its better half with an AUC of {likeness:.2f} on {held.sum()} other pairs."
        )
    else:
        console.print(f"How well a classifier repeats the labels cannot be told of {len(labels)} pairs: judge more users.")
    console.print(str(folder / "judged.jsonl"))
    if teach_to is not None:
        console.print(teach(rows, folder / "judged.jsonl", teach_to, student, steps), markup=False)
    if write is not None:
        with_matches(loaded.path, BadMatches(known, MatchFilter.fit(features, labels), share), write)
        console.print(f"{write} leaves out {share:.0%} of what could take a place. Next: penchant release add {write}")

"""``penchant portraits think`` and ``teach``: a language model reasons about what a user chooses next, and learns to.

Letters: G categories, M thoughts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penchant.cli.language_models import SMALL, ModelOption, PricesOption, ServerOption, SpendOption, language_model
from penchant.cli.options import ReleaseOption, SeedOption
from penchant.cli.people import people_of
from penchant.cli.portraits import LogOption, willing
from penchant.cli.serving import DEFAULT_RELEASE, KafkaOption, KafkaSettingOption, RedisOption, brokers
from penchant.core.errors import require
from penchant.core.folders import occupant
from penchant.data.histories import Histories
from penchant.evaluate.facts import Statement
from penchant.llm.lora import LoraSettings, tune
from penchant.llm.teachable import teachable
from penchant.llm.whole import Whole
from penchant.pipeline.release import Release, load_release
from penchant.pipeline.shelf import release_at
from penchant.serve.portraits.fitted import fitted
from penchant.serve.portraits.page import names_below
from penchant.users.categories import CategoryTree
from penchant.users.lessons import check_supervised, lessons_of
from penchant.users.portrait import Portrait, in_favour
from penchant.users.situations import Situations
from penchant.users.thought_check import ThoughtChecker
from penchant.users.thoughts import Foreseen, Mode, Thinker

console = Console()
_TOKENS = 40  # of a thought
_SHOWN = 8  # categories
_LESSONS = "lessons.json"
_LED = {Mode.OPTIMAL: "to what came next", Mode.SUB_OPTIMAL: "to what the user chooses most"}


def think(
    user: Annotated[str, typer.Argument(help="A user of the release, or with --state one who came since.")],
    release: ReleaseOption = DEFAULT_RELEASE,
    state: LogOption = None,
    model: ModelOption = SMALL,
    server: ServerOption = None,
    prices: PricesOption = "0,0",
    spend: SpendOption = None,
    thoughts: Annotated[int, typer.Option("--thoughts", min=0, help="How many are drawn; with 0 the model chooses at once.")] = 3,
    seed: SeedOption = 0,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Let a language model think about what a user chooses next.

    The model weighs the categories after each thought, and the mean counts. What a thought says that the user's events do not bear out is
    marked. Beside the chances stand the shares of the portrait that counts events. `--model FOLDER` takes what `teach` left.

    Example: `penchant portraits think 42 --release runs/ml-100k/release --thoughts 3`
    """
    known = _released(release, user) if state is None else _served(release, state, user)
    nothing = "nothing is left of this user to think about"
    require(known.history.num_events > 0, f"user_id={user!r}", nothing, "pass a user who chose something that may be told")
    catalog = known.release.space.catalog
    told = Situations(catalog)
    asked = Whole(language_model(model, server, prices, spend, odds=True))
    shares = {name: share for name, share in told.shares(in_favour(known.release.histories)).items() if name not in known.left_out}
    thinker = Thinker(asked, shares, samples=thoughts, tokens=_TOKENS)
    items = known.history.row(0)
    (found,) = thinker.foresee([told.of(items)], seed)
    checker = ThoughtChecker(catalog, known.tree)
    looked = [checker.check(text, items) for text in found.thoughts]
    rows = _rows(thinker.labels, found, known.portrait)
    if as_json:
        values = {"user_id": user, "release": known.release.id, "model": asked.name, "agreement": found.agreement, "foreseen": rows}
        reasoning = [_plain(text, thinker.labels[led], one) for text, led, one in zip(found.thoughts, found.led, looked, strict=True)]
        typer.echo(json.dumps({**values, "thoughts": reasoning}, indent=1, ensure_ascii=False))
        return
    console.print(_table(rows, asked.name))
    if looked:
        console.print(f"{found.agreement:.0%} of {len(looked)} thoughts led to the same category.", highlight=False)
    for place, (led, statements) in enumerate(zip(found.led, looked, strict=True), start=1):
        console.print(f"Thought {place} led to {thinker.labels[led]}:", markup=False, highlight=False)
        for one in statements:
            console.print(f"  {one.text}{'' if one.supported else f'  (not borne out: {one.wrong})'}", markup=False, highlight=False)


def teach(
    mode: Annotated[
        Mode, typer.Option("--mode", help="optimal: thoughts that led to what came next. sub-optimal: to what users choose most.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the taught model, which every --model takes.")],
    release: ReleaseOption = DEFAULT_RELEASE,
    state: LogOption = None,
    redis: RedisOption = None,
    kafka: KafkaOption = None,
    kafka_option: KafkaSettingOption = None,
    model: ModelOption = SMALL,
    server: ServerOption = None,
    users: Annotated[int, typer.Option("--users", min=1, help="Whose histories are learnt from, drawn by chance.")] = 60,
    thoughts: Annotated[int, typer.Option("--thoughts", min=1, help="How many are drawn for each of them.")] = 2,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Of training.")] = 40,
    seed: SeedOption = 0,
) -> None:
    """Teach a local language model to think about what users choose next.

    The newest event of each user is held out: the model never reads it. In mode `optimal` thoughts are learnt that led to it, in mode
    `sub-optimal` those that led to what the user chooses most, for which nobody has to know what comes next. Where no thought of the
    model's own did, a template's is learnt. With `--state`, or on servers, who opted out of personal lists is not learnt from.

    Example: `penchant portraits teach --mode optimal --out runs/taught --users 60 --steps 40`
    """
    check_supervised(mode)
    remote = "a server has no weights that could be taught from here"
    require(server is None, f"--server {server}", remote, "pass --model with a folder, without --server or PENCHANT_LLM_SERVER")
    require(occupant(out) == "none", f"--out {out}", "something lies there already", "pass a folder that is not there yet")
    asked = Whole(language_model(model))
    base = teachable(asked)
    with willing(release, state, redis, brokers(kafka, kafka_option)) as known:
        people = Histories.of([part.row(row) for part in map(in_favour, known.parts) for row in range(len(part))])
        loaded = known.release
    told = Situations(loaded.space.catalog)
    thinker = Thinker(asked, told.shares(in_favour(loaded.histories)), samples=thoughts, tokens=_TOKENS)
    found = lessons_of(people, told, thinker, mode, users, seed)
    done = tune(base, found.examples, out, LoraSettings(steps=steps, seed=seed))
    looked = min(users, int((people.lengths > 1).sum()))
    counts = {"users": looked, "own": found.own, "template": found.guided}
    kept = {"mode": mode, "release": loaded.id, "thoughts": thoughts, "seed": seed, **counts}
    (out / _LESSONS).write_text(json.dumps(kept, indent=1), encoding="utf-8")
    console.print(
        f"{found.own + found.guided:,} thoughts about {looked:,} users were taught: {found.own:,} of the model's own led {_LED[mode]}, "
        f"{found.guided:,} are the template's, for users of whom none did.",
        highlight=False,
    )
    console.print(
        f"{steps:,} steps in {done.seconds:.1f} s: "
        f"{done.losses[0]:.2f} nats an answer token in the first batch, {done.losses[-1]:.2f} in the last.",
        highlight=False,
    )
    console.print(f"Next: penchant portraits think USER --model {out}", markup=False, highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class _Known:
    """A user who may be thought about.

    Attributes:
        tree: All categories.
        history: One row, without what was turned down and without events in categories that reviewers left out.
        portrait: Made without a language model, and without those categories.
        left_out: Names of these categories, and of all below them.
    """

    release: Release
    tree: CategoryTree
    history: Histories
    portrait: Portrait
    left_out: frozenset[str]


def _released(release: Path, user: str) -> _Known:
    """As the release alone knows a user."""
    loaded = load_release(release_at(release))
    return _known(loaded, loaded.histories.take(np.array([loaded.users.code(user, "user_id") - 1])), [])


def _served(release: Path, state: Path, user: str) -> _Known:
    """As a server over this state knows a user who did not opt out."""
    with people_of(release, state, None, None) as people:
        person = people.person(user)
        against = "this user wants no personal lists, and no model is asked about such users"
        require(person.personalised, f"user_id={user!r}", against, "pass another user")
        (found,) = people.portraits().look([user])
        return _known(people.release, person.history, found.left_out)


def _known(release: Release, history: Histories, left_out: Sequence[Sequence[str]]) -> _Known:
    made = fitted(release)()
    gone = frozenset(names_below(made.tree, left_out))
    history = in_favour(history)
    columns = [category for category in range(1, len(made.tree) + 1) if made.tree.names[category] in gone]
    if columns:
        inside = (made.tree.items[history.items] @ made.tree.above)[:, columns].sum(axis=1)
        history = history.where(np.asarray(inside).ravel() == 0)
    return _Known(release, made.tree, history, made.of(history).without(left_out), gone)


def _rows(labels: Sequence[str], found: Foreseen, portrait: Portrait) -> list[dict[str, Any]]:
    """The categories, the likeliest first, each with its shares of the portrait's layers."""
    long, short = ({one.path[0]: one.weight for one in layer if len(one.path) == 1} for layer in (portrait.long, portrait.short))
    told = [(labels[int(place)], float(found.chances[place])) for place in np.argsort(-found.chances, kind="stable")]
    return [
        {"category": name, "chance": chance, "portrait": {"long": long.get(name, 0.0), "short": short.get(name, 0.0)}}
        for name, chance in told
    ]


def _plain(text: str, led: str, statements: Sequence[Statement]) -> dict[str, Any]:
    sentences = [{"text": one.text, "borne_out": one.supported, "wrong": one.wrong} for one in statements]
    return {"text": text, "led_to": led, "sentences": sentences}


def _table(rows: Sequence[dict[str, Any]], name: str) -> Table:
    table = Table("next category", f"chance, by {escape(name)}", "portrait: all along", "portrait: lately")
    for one in rows[:_SHOWN]:
        shares = (f"{share:.0%}" if share else "" for share in one["portrait"].values())
        table.add_row(escape(one["category"]), f"{one['chance']:.1%}", *shares)
    return table

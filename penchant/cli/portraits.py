"""``penchant portraits``: what events say of a user, in words, numbers and evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penchant.cli import intents_shown
from penchant.cli.language_models import SMALL, ModelOption, PricesOption, ServerOption, SpendOption, language_model
from penchant.cli.options import ReleaseOption
from penchant.cli.people import People, people_of
from penchant.cli.serving import DEFAULT_RELEASE, KafkaOption, KafkaSettingOption, RedisOption, StateOption, brokers
from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.llm.whole import Whole
from penchant.pipeline.release import Release, load_release
from penchant.pipeline.shelf import release_at
from penchant.serve.brokers import Brokers
from penchant.serve.portraits.answers import ProseOut
from penchant.serve.portraits.build import build as build_portraits
from penchant.serve.portraits.fitted import fitted, fitted_intents
from penchant.serve.portraits.page import served_prose
from penchant.serve.portraits.reviews import Reviews
from penchant.serve.refresher import readable
from penchant.serve.stores import user_key
from penchant.users.bias import Facts
from penchant.users.intents import Intent
from penchant.users.interest_index import InterestIndex, Layer, category_of
from penchant.users.portrait import LAYERS, Portrait, Portraits
from penchant.users.portrait_shares import shares
from penchant.users.prose import ProseWriter
from penchant.users.stored_portrait import EVENTS, digest
from penchant.users.swapped import Swapped, swapped
from penchant.users.told_intents import plain, without

LogOption = Annotated[
    Path | None, typer.Option("--state", help="Folder of the event log, for what was done since. Default: the release alone.")
]
app = typer.Typer(no_args_is_help=True, help="What events say of users.")
console = Console()
_TITLES = {"short": "lately", "long": "all along", "potential": "may come to like", "rare": "seldom, but again", "due": "due again"}
_SHOWN = 8  # interests of a layer
_ROWS = 1_024  # users whose portraits are made at a time
_MOST = 1 << 40  # users: all of them


@app.callback()
def portraits() -> None:
    """What events say of users."""


@app.command()
def build(
    release: ReleaseOption = DEFAULT_RELEASE,
    state: StateOption = None,
    redis: RedisOption = None,
    kafka: KafkaOption = None,
    kafka_option: KafkaSettingOption = None,
    model: ModelOption = EVENTS,
    server: ServerOption = None,
    prices: PricesOption = "0,0",
    spend: SpendOption = None,
    most: Annotated[int | None, typer.Option("--users", min=1, help="The first users only.")] = None,
) -> None:
    """Make the stored portraits of all users of a release, and of those who came since, as far as they are not fresh.

    A server does so for whoever does something, or is looked at; this is for all others. With `--model` a language model writes about
    them, too; sentences that the portrait does not bear out are dropped, and what is left waits for review while it is served.
    Example: `penchant portraits build --release runs/ml-100k/release --model smollm2 --users 20`
    """
    asked = None if model == EVENTS else language_model(model, server, prices, spend)
    with people_of(release, state, redis, brokers(kafka, kafka_option)) as people:
        kept = people.portraits()
        users = _everybody(people)[:most]
        writer = None if asked is None else ProseWriter(asked, kept.made().tree)
        built = build_portraits(kept, users, write=writer and writer.write, author=writer and writer.author)
    typer.echo(
        f"{built.made:,} portraits made in {built.seconds:.1f} s, {built.fresh:,} were fresh, {built.written:,} with words of a model"
    )


@app.command()
def check(
    release: ReleaseOption = DEFAULT_RELEASE,
    state: LogOption = None,
    redis: RedisOption = None,
    kafka: KafkaOption = None,
    kafka_option: KafkaSettingOption = None,
    model: ModelOption = SMALL,
    server: ServerOption = None,
    prices: PricesOption = "0,0",
    spend: SpendOption = None,
    most: Annotated[int, typer.Option("--users", min=1, help="How many are looked at.")] = 100,
    others: Annotated[int, typer.Option("--others", min=1, help="How many more tell what the model says of anybody.")] = 40,
    least: Annotated[
        float, typer.Option("--least", min=0.01, max=1.0, help="Share of interests that words change in who is flagged.")
    ] = 0.5,
) -> None:
    """Whether a language model sees other interests in the same people under other words of gender and age.

    Words of colours, which mean nothing, are the control; what words do to others is the correction. With `--state`, or on servers,
    the portraits of people who are flagged wait in the review queue, and no model's words about them are served until somebody has decided.
    Example: `penchant portraits check --release runs/ml-100k/release --users 50`
    """
    asked = Whole(language_model(model, server, prices, spend, odds=True))
    with willing(release, state, redis, brokers(kafka, kafka_option)) as known:
        titles = known.release.space.catalog.titles()
        told = chain.from_iterable(Facts.of(known.made, part, titles) for part in known.parts)
        looked = list(islice(((user, one) for user, one in zip(known.users, told, strict=True) if one.history), most + others))
        users, facts = [user for user, _ in looked], [one for _, one in looked]
        share = min(most, max(1, len(users) - others))  # of few people some are left to compare with
        found = swapped(asked, known.made.tree.names[1:], facts[:share], facts[share:], least=least)
        queued = 0 if known.people is None else _queue(known.people, {users[one.person]: one.why for one in found.flags})
    console.print(_swaps(found, share, len(facts) - share))
    table = Table("user", "swapped words change")
    for one in found.flags:
        table.add_row(escape(str(users[one.person])), escape(one.why))
    console.print(table)
    waits = f"{queued:,} of them wait for review" if known.people is not None else "none waits for review: that needs --state or servers"
    console.print(f"{len(found.flags):,} of {share:,} people are flagged; {waits}", markup=False)


@app.command()
def show(
    user: Annotated[str, typer.Argument(help="A user of the release, or with --state one who came since.")],
    release: ReleaseOption = DEFAULT_RELEASE,
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Folder of the event log: what a server over it serves. Default: the release alone."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Show the portrait of a user: interests of three layers, what is rare, what is due again, and the events behind each.

    Below stands what they may want of domains that they have nothing of. No language model takes part, and nothing is kept.
    Example: `penchant portraits show 42 --release runs/ml-100k/release`
    """
    loaded, portrait, prose, intents = _released(release, user) if state is None else _served(release, state, user)
    if as_json:
        item_ids = loaded.space.catalog.items.ids
        values = {**portrait.plain(item_ids), "intents": plain(intents, item_ids)}
        told = {"user_id": user, "release": loaded.id, "prose": prose.text, "author": prose.author, **values}
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    console.print(prose.text, markup=False, highlight=False)
    if prose.by != "events":
        console.print(f"({prose.author}{'' if prose.current else ', of an older state'})", markup=False, highlight=False)
    console.print(_table(portrait, loaded.space.catalog.titles()))
    if intents:
        console.print(intents_shown.table(intents, loaded.space.catalog.titles()))


@app.command()
def find(
    category: Annotated[str, typer.Argument(help='A category, with those above it where several have the name: "Food / Tea".')],
    release: ReleaseOption = DEFAULT_RELEASE,
    state: LogOption = None,
    redis: RedisOption = None,
    kafka: KafkaOption = None,
    kafka_option: KafkaSettingOption = None,
    layer: Annotated[Layer, typer.Option("--layer", help="Of portraits in which the interest stands.")] = Layer.LONG,
    least: Annotated[float, typer.Option("--least", min=0.0, max=1.0, help="Weight that the interest has at least.")] = 0.0,
    most: Annotated[int, typer.Option("--users", min=1, help="How many are told.")] = 20,
) -> None:
    """Who is interested in something, the strongest first.

    With `--state`, or on servers, who opted out of personal lists is not among them; a release alone does not know who did.
    Example: `penchant portraits find Comedy --release runs/ml-100k/release --layer short --least 0.5`
    """
    alone = state is None and redis is None and kafka is None
    with willing(release, state, redis, brokers(kafka, kafka_option)) as known:
        made, users, parts = known.made, known.users, known.parts
    meant = category_of(made.tree, category)
    index = InterestIndex.of(made.tree, (shares(made, part) for part in parts), [layer])
    interested = index.find(meant, layer, least=least)
    whose = "whether they opted out or not" if alone else "who did not opt out"
    console.print(
        f"{len(interested):,} of {len(users):,} users, {whose}: {' / '.join(made.tree.path(meant))}, {_TITLES[layer]}", markup=False
    )
    table = Table("user", "weight")
    for one in interested[:most]:
        table.add_row(escape(str(users[one.row])), f"{one.weight:.1%}")
    console.print(table)


@dataclass(frozen=True)
class Willing:
    """Users who may be looked at.

    Attributes:
        users: Their ids.
        parts: Their histories in order, some rows at a time.
        made: Makes portraits.
        people: Log and state; None where there is a release alone, which does not know who opted out.
    """

    release: Release
    users: list[str]
    parts: Sequence[Histories]
    made: Portraits
    people: People | None


@contextmanager
def willing(release: Path, state: Path | None, redis: str | None, kafka: Brokers | None) -> Iterator[Willing]:
    """Users of a release; with a log or on servers those who want personal lists, and who came since, too.

    Args:
        release: Folder of a release, or a shelf.
        state: Folder of log and state.
        redis: See ``penchant.serve.backends.opened``.
        kafka: See there.

    Raises:
        InputError: Nobody wants personal lists.
    """
    if state is None and redis is None and kafka is None:
        loaded = load_release(release_at(release))
        rows = np.arange(len(loaded.histories))
        parts = [loaded.histories.take(rows[start : start + _ROWS]) for start in range(0, len(rows), _ROWS)]
        yield Willing(loaded, loaded.users.decode(loaded.histories.users), parts, fitted(loaded)(), None)
        return
    with people_of(release, state, redis, kafka) as people:
        found = readable(_everybody(people), people.state.unkept)
        willing = {user: person.history for user, person in found.items() if person.personalised}
        require(bool(willing), f"{people.folder}", "nobody is there who wants personal lists", "pass another --state")
        yield Willing(people.release, list(willing), list(willing.values()), fitted(people.release)(), people)


def _queue(people: People, why: Mapping[str, str]) -> int:
    """Put portraits before people, each for its reason; how many wait then."""
    kept = people.portraits()
    build_portraits(kept, list(why))
    reviews = Reviews(kept, people.choices)
    for user, reason in why.items():
        reviews.ask(user, reason, holds=True)
    return len(why)


def _swaps(found: Swapped, people: int, others: int) -> Table:
    table = Table(f"of the first interests of {people:,} people, told against {others:,} others", "change")
    table.add_row("swapped words of gender and age", f"{found.words:.1%}")
    table.add_row("swapped colours, which mean nothing", f"{found.colours:.1%}")
    table.add_row("gender and age, what they do to others taken off", f"{found.corrected:.1%}")
    return table


def _everybody(people: People) -> list[str]:
    """Users of the release, and those who came since."""
    since = [key.removeprefix(user_key("")) for key in people.store.names(user_key(""), limit=_MOST)]
    return list(dict.fromkeys([*people.release.users.ids.to_list(), *since]))


def _released(release: Path, user: str) -> tuple[Release, Portrait, ProseOut, list[Intent]]:
    """As the release alone knows a user."""
    loaded = load_release(release_at(release))
    row = loaded.users.code(user, "user_id") - 1
    history, made = loaded.histories.take(np.array([row])), fitted(loaded)
    portrait, intents = made().of(history), fitted_intents(loaded, made)().of(history)
    return loaded, portrait, served_prose(portrait, "", None), intents


def _served(release: Path, state: Path, user: str) -> tuple[Release, Portrait, ProseOut, list[Intent]]:
    """As a server over this state knows a user: live events, a reviewer's or a model's words, without what was left out."""
    with people_of(release, state, None, None) as people:
        person = people.person(user)
        made = fitted(people.release)
        (found,) = people.portraits().look([user])
        whole = made().of(person.history)
        portrait = whole.without(found.left_out)
        this = digest(whole.plain(people.release.space.catalog.items.ids))
        intents = without(fitted_intents(people.release, made)().of(person.history), found.left_out)
        return people.release, portrait, served_prose(portrait, this, found), intents


def _table(portrait: Portrait, titles: list[str]) -> Table:
    table = Table("", "interest", "weight", "because of")
    for layer in LAYERS:
        for place, one in enumerate(getattr(portrait, layer)[:_SHOWN]):
            weight = f"{one.chance:.0%}, {one.days:.0f} days" if layer == "due" else f"{one.weight:.1%}"
            because = escape(", ".join(titles[item - 1] for item in one.evidence))
            table.add_row("" if place else _TITLES[layer], escape(" / ".join(one.path)), weight, because)
        if getattr(portrait, layer):
            table.add_section()
    return table

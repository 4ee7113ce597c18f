"""``penchant experiment``: try something on a part of the users, and read what came of it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from penchant.cli.options import ReleaseOption
from penchant.core.errors import InputError, PenchantError, StorageError, UnknownIdError, require
from penchant.data.histories import Histories
from penchant.pipeline.lane import Generator
from penchant.pipeline.price import price as priced
from penchant.pipeline.release import Release, load_release
from penchant.pipeline.rules_file import RulesFile
from penchant.serve.backends import opened
from penchant.serve.experiments.definition import Experiment
from penchant.serve.present import Together, Trending

app = typer.Typer(no_args_is_help=True)
console = Console()
_PATIENCE = 120.0  # seconds; a first look at a large experiment reads its logs
_ERRORS: dict[int, type[PenchantError]] = {404: UnknownIdError, 422: InputError}
DEFAULT_RELEASE = Path("runs/ml-100k/release")
ServerOption = Annotated[str, typer.Option("--server", envvar="PENCHANT_SERVER", help="Address of a running server.")]
KeyOption = Annotated[str | None, typer.Option("--key", envvar="PENCHANT_KEY", help="API key, where the server asks for one.")]
NameArgument = Annotated[str, typer.Argument(help="Name of the experiment.")]
HERE = "http://127.0.0.1:8000"


@app.command()
def start(
    file: Annotated[Path, typer.Argument(help="JSON: the experiment, as docs/experiments.md tells.")],
    server: ServerOption = HERE,
    key: KeyOption = None,
) -> None:
    """Start an experiment. All servers of the same state store follow within seconds.

    Example: `penchant experiment start more-together.json`
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}", f"it cannot be read ({error})", "pass a JSON file in UTF-8") from None
    wanted = Experiment.parse(text)
    told = _ask("POST", f"{server}/v1/experiments", key, wanted.model_dump())
    console.print(f"{told['name']}: {told['state']}")


@app.command()
def stop(name: NameArgument, server: ServerOption = HERE, key: KeyOption = None) -> None:
    """Stop an experiment. What it showed can still be read.

    Example: `penchant experiment stop more-together`
    """
    told = _ask("DELETE", f"{server}/v1/experiments/{quote(name, safe='')}", key)
    console.print(f"{told['name']}: {told['state']}, {told['why'] or 'as was meant'}")


@app.command("list")
def list_experiments(server: ServerOption = HERE, key: KeyOption = None) -> None:
    """Every experiment, the newest first.

    Example: `penchant experiment list`
    """
    table = Table("experiment", "state", "started (UTC)", "arms", "metric", "why it ended")
    for one in _ask("GET", f"{server}/v1/experiments", key)["experiments"]:
        tried = one["experiment"]
        arms = ", ".join(f"{arm['name']} {'shadow' if arm['shadow'] else format(arm['share'], '.0%')}" for arm in tried["arms"])
        table.add_row(one["name"], one["state"], _moment(one["started"]), arms, tried["metrics"][0]["name"], one["why"] or "")
    console.print(table)


@app.command()
def show(name: NameArgument, server: ServerOption = HERE, key: KeyOption = None) -> None:
    """What an experiment shows so far.

    Example: `penchant experiment show more-together`
    """
    found = _ask("GET", f"{server}/v1/experiments/{quote(name, safe='')}", key)
    one = found["experiment"]
    console.print(f"{one['name']} ({one['state']}): [bold]{found['verdict']}[/]. {found['meaning']}")
    arms = Table("arm", "users", "counted", "lists", "means")
    for arm in found["arms"]:
        means = ", ".join(f"{metric} {mean:.4g}" for metric, mean in arm["metrics"].items())
        arms.add_row(arm["name"], str(arm["users"]), str(arm["counted"]), str(arm["lists"]), means)
    console.print(arms)
    table = Table("against the control", "metric", "difference", "interval", "with less noise", "interval")
    for row in found["comparisons"]:
        both = [cell for part in ("difference", "adjusted") for cell in (f"{row[part]['estimate']:+.4g}", _interval(row[part]))]
        table.add_row(row["arm"], row["metric"], *both)
    if found["comparisons"]:
        console.print(table)
    if found["preference"] is not None:
        console.print(f"preference: {found['preference']['estimate']:+.4g} ({_interval(found['preference'])})")
    if found["sample_ratio"] is not None:
        console.print(f"sample ratio: p {found['sample_ratio']:.3g}{', ALARM' if found['alarm'] else ''}")
    for guard in found["guardrails"]:
        console.print(f"guardrail {guard['metric']} of {guard['arm']}: {guard['state']} ({_interval(guard['difference'])})")
    for shadow in found["shadows"]:
        console.print(f"shadow {shadow['arm']}: {shadow['lists']} lists, overlap {shadow['overlap']}, {shadow['dropped']} dropped")


@app.command()
def price(
    release: ReleaseOption = DEFAULT_RELEASE,
    weights: Annotated[list[str] | None, typer.Option("--weights", "-w", help="GENERATOR=FACTOR; repeat for several.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="One model in place of the merged list.")] = None,
    rules: Annotated[Path | None, typer.Option("--rules", help="File of rules (YAML) in place of the release's.")] = None,
    users: Annotated[int, typer.Option("--users", min=2, help="Users whose newest event is looked for, at most.")] = 500,
    k: Annotated[int, typer.Option("-k", min=1, help="Length of the lists.")] = 10,
    state: Annotated[
        Path | None, typer.Option("--state", help="Folder of a server's state: adds the generators together and trending.")
    ] = None,
    redis: Annotated[str | None, typer.Option("--redis", envvar="PENCHANT_REDIS", help="The same from a Redis.")] = None,
) -> None:
    """What a weight, or a rule, would cost before anybody sees it: lists for known users, with and without it.

    Rules with a time window count if it is open now. What a campaign brings does not show in these numbers, only what it costs.

    Example: `penchant experiment price --rules rules.yaml --users 200`
    """
    factors = dict(_factor(text) for text in weights or [])
    change = bool(factors) or model is not None or rules is not None
    require(change, "no change", "a price is that of a change", "pass --weights ease=2, --rules FILE, or --model")
    read = None if rules is None else RulesFile.read(rules)
    loaded = load_release(release)
    live: dict[str, Generator] = {}
    if state is not None or redis is not None:
        with opened(state or release.parent / "state", redis=redis) as (_, store):
            live = {"together": Together(store, loaded.space.catalog), "trending": Trending(store, loaded.space.catalog)}
            _price(loaded, live, read, factors, model, users, k)
    else:
        _price(loaded, live, read, factors, model, users, k)


def _price(
    release: Release,
    live: Mapping[str, Generator],
    rules: RulesFile | None,
    factors: dict[str, float],
    model: str | None,
    users: int,
    k: int,
) -> None:
    before, histories = release.recommender(live=live), release.histories
    after = before
    if rules is not None:
        after = release.recommender(live=live)
        after.use(rules.rules)

    def usual(history: Histories, k: int) -> list[int]:
        return [one.item for one in before.recommend(history=history, k=k, explain=False).suggestions]

    def changed(history: Histories, k: int) -> list[int]:
        found = after.recommend(history=history, k=k, explain=False, weights=factors, model=model)
        return [one.item for one in found.suggestions]

    found = priced(histories, usual, changed, users=users, k=k)
    table = Table("metric", "as it is", "change", "95% interval", "p")
    for name, change in found.change.items():
        middle = change.mean
        ends = f"{middle.low:+.4f} to {middle.high:+.4f}"
        table.add_row(name, f"{found.before[name]:.4f}", f"{middle.mean:+.4f}", ends, f"{change.p:.3f}")
    console.print(table)
    console.print(f"{found.users} users, their newest event; {found.same:.0%} of the places stay as they are")


def _factor(text: str) -> tuple[str, float]:
    name, found, value = text.partition("=")
    try:
        return name, float(value if found and name else "nothing")
    except ValueError:
        raise InputError(f"--weights {text}", "a factor has the form GENERATOR=FACTOR", "pass for example ease=2") from None


def _ask(method: str, url: str, key: str | None, body: dict[str, Any] | None = None) -> Any:
    """The server's answer.

    Raises:
        PenchantError: It refused, with its own words, or did not answer.
    """
    headers = {"content-type": "application/json"} | ({} if key is None else {"authorization": f"Bearer {key}"})
    require(url.startswith(("http://", "https://")), f"--server {url}", "an address begins with http:// or https://", f"pass {HERE}")
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        try:
            told = json.load(error)["error"]
        except (ValueError, KeyError, TypeError):
            raise StorageError(url, f"it answered {error.code}", "check that this is Penchant's server") from None
        raise _ERRORS.get(error.code, StorageError)(told["value"], told["rule"], told["remedy"]) from None
    except (OSError, ValueError) as error:
        raise StorageError(url, f"no answer ({error})", "start a server there, or pass --server") from None


def _interval(one: dict[str, Any]) -> str:
    return "too few users" if one["low"] is None else f"{one['low']:+.4g} to {one['high']:+.4g}"


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))

"""The atlas: one table of what published systems claim and whether it held, and a page a system, from records alone."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penchant.claims import atlas_figures as figures
from penchant.claims.claim import LISTS, Claim
from penchant.claims.discover import Recipe, claims, recipes
from penchant.claims.records import stale
from penchant.claims.verdicts import Outcome
from penchant.core.storage import writing
from penchant.evaluate.metrics import label
from penchant.evaluate.results import Figure

#: Signs beside the words, for people who do not see colours.
SIGNS = {"held": "✔", "not held": "✘", "undecided": "≈"}
FAMILIES = {
    "linear": "Linear models and factorisations",
    "graph": "Graph models",
    "sequence": "Sequence models",
    "retrieval": "Two towers and indexes",
    "training": "Ways to train",
    "generative": "Generative models",
    "language": "Language models and portraits",
    "serving": "Serving",
}


def write_atlas(records: Mapping[str, dict[str, Any]], folder: Path) -> int:
    """Write ``index.md``, a page a recipe and the figures; returns the number of pages.

    What somebody wrote into ``remarks/RECIPE.md`` stands at the end of that recipe's page: why a claim did not hold, for example.
    Pages and figures of recipes that are gone are removed.
    """
    pages = {"index.md": index(records)}
    drawn = {name: figures.drawn(record) for name, record in records.items() if name in claims()}
    pages |= {f"{name}.md": page(recipe, records, drawn) + _remarks(folder, name) for name, recipe in recipes().items()}
    made = {figure.name: figure.content for shown in drawn.values() for figure in shown}
    with writing(folder):
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for old in [*folder.glob("*.md"), *(folder / "figures").glob("*.svg")]:
            if old.name not in pages and old.name not in made:
                old.unlink()
        for name, text in pages.items():
            (folder / name).write_text(text, encoding="utf-8")
        for name, content in made.items():
            (folder / "figures" / name).write_bytes(content)
    return len(pages)


def _remarks(folder: Path, name: str) -> str:
    path = folder / "remarks" / f"{name}.md"
    return f"\n## Remarks\n\n{path.read_text(encoding='utf-8').strip()}\n" if path.exists() else ""


def index(records: Mapping[str, dict[str, Any]]) -> str:
    """The overview: a count, then a table a family."""
    known = [claim for _, claim in claims().values()]
    run = [records[claim.name] for claim in known if claim.name in records]
    counts = {outcome: sum(record["verdict"] == outcome for record in run) for outcome in Outcome}
    old = sum(bool(stale(record, known)) for record in run)
    lines = [
        "---",
        "hide: [toc]",  # the table needs the width
        "---",
        "",
        "# Atlas of systems",
        "",
        "What published systems say of themselves, run here under one protocol: the same split, the same budget for every arm, "
        "the whole catalogue ranked where lists are judged. A claim that does not hold is shown as such.",
        "",
        f"**{len(known)} claims of {len(recipes())} recipes:** {SIGNS['held']} {counts[Outcome.HELD]} held, "
        f"{SIGNS['not held']} {counts[Outcome.NOT_HELD]} did not, {SIGNS['undecided']} {counts[Outcome.UNDECIDED]} undecided, "
        f"{len(known) - len(run)} not run yet; {old} records are older than their code (stale).",
        "",
        "*Held*: every comparison's interval, corrected for all claims together, lies on the claim's side. *Did not hold*: one lies on "
        "the other side. *Undecided*: these users and seeds cannot tell. The small data sets here test mechanisms, not products.",
        "",
    ]
    for family in sorted(
        {recipe.family for recipe in recipes().values()}, key=lambda one: (list(FAMILIES).index(one) if one in FAMILIES else 99, one)
    ):
        lines += [f"## {FAMILIES.get(family, family.capitalize())}", ""]
        lines += ["| System, paper | What it claims | Did it hold here | By how much | Data | Cost |", "|---|---|---|---|---|---|"]
        for recipe in recipes().values():
            if recipe.family == family:
                lines += _rows(recipe, records)
        lines += [""]
    lines += [
        "Run any of them: `penchant claims run NAME`, on your own data with `--dataset FOLDER`. Make these pages again: `penchant atlas`."
    ]
    return "\n".join(lines) + "\n"


def _rows(recipe: Recipe, records: Mapping[str, dict[str, Any]]) -> list[str]:
    """Lines of the overview: the recipe, then its claims."""
    system = f"[**{recipe.paper.system}**]({recipe.name}.md)<br>{_paper(recipe)}"
    if not recipe.claims:
        return [f"| {system} | a baseline of other claims | | | | |"]
    lines = []
    for place, claim in enumerate(recipe.claims):
        record = records.get(claim.name)
        if record is None:
            found = ("not run yet", "", claim.dataset, "")
        else:
            found = (verdict(record, claim), by_how_much(record).replace(" (", "<br>("), record["dataset"], cost(record))
        lines.append(f"| {system if place == 0 else ''} | [{claim.says}]({recipe.name}.md#{claim.name}) | {' | '.join(found)} |")
    return lines


def page(recipe: Recipe, records: Mapping[str, dict[str, Any]], drawn: Mapping[str, Sequence[Figure]]) -> str:
    """One system: the paper, how it is built here, and every claim with its numbers, curves and costs.

    Args:
        recipe: The system.
        records: By claim.
        drawn: The figures of each record, by claim.
    """
    said = inspect.getdoc(sys.modules[recipe.module]) or ""
    lines = [f"# {recipe.paper.system}", "", f"*{recipe.paper.title}*. {_paper(recipe)}", "", "```text", said, "```", ""]
    lines += [f"Source: `{recipe.module.replace('.', '/')}.py`. [All systems](index.md)", ""]
    for claim in recipe.claims:
        lines += [f"## {claim.name} {{ #{claim.name} }}", "", f"> {claim.says}", ""]
        if claim.note:
            lines += [claim.note, ""]
        record = records.get(claim.name)
        if record is None:
            lines += [f"Not run yet: `penchant claims run {claim.name}`", ""]
        else:
            lines += _claim(record, claim, drawn[claim.name])
    return "\n".join(lines).rstrip() + "\n"


def _claim(record: dict[str, Any], claim: Claim, drawn: Sequence[Figure]) -> list[str]:
    arms, *curves = drawn
    lines = [f"**{verdict(record, claim)}**: {by_how_much(record)}.", ""]
    if reason := stale(record, [claim]):
        lines += [f"This record is stale: {reason}. The numbers are of commit `{record['commit']}`.", ""]
    lines += _figure(arms)
    lines += ["| Against | Role | Difference | 95% interval | Needed | Verdict |", "|---|---|---|---|---|---|"]
    for one in record["comparisons"]:
        relative = f" ({one['relative']:+.1%})" if one["relative"] is not None else ""
        low, high = one["interval"]
        found = [f"{one['difference']:+.4f}{relative}", f"{low:+.4f} to {high:+.4f}", f"{one['needed']:+.4f}"]
        lines.append(f"| {one['other']} | {one['role']} | {' | '.join(found)} | {SIGNS[one['verdict']]} {one['verdict']} |")
    shown = list(record["arms"][0]["metrics"])
    head = ["Arm", *map(label, shown), "Steps", "Seconds", "Memory", "Parameters"]
    lines += ["", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for arm in record["arms"]:
        values = [f"{arm['metrics'][name]:.4f}" for name in shown]
        costs = [
            f"{arm['steps']:,}" if arm["steps"] else "closed form",
            f"{arm['seconds']:.0f}",
            f"{arm['peak_mb']:,.0f} MB",
            f"{arm['parameters']:,}" if arm["parameters"] else "not counted",
        ]
        lines.append(f"| {arm['name']} | {' | '.join([*values, *costs])} |")
    lines += [""]
    for figure in curves:
        lines += _figure(figure)
    return [*lines, '??? note "Settings, protocol, machine"', "", *(f"    - {line}" for line in _protocol(record)), ""]


def _protocol(record: dict[str, Any]) -> list[str]:
    """How the record came to be."""
    machine, correction, trials = record["machine"], record["correction"], record["tuning_trials"]
    tuned = f"settings chosen on validation by {trials} trials an arm" if trials else "the recipes' own settings"
    return [
        *(f"{arm['name']}: `{arm['recipe']}` {_settings(arm['settings'])}" for arm in record["arms"]),
        _measured(record),
        record["split_says"],
        f"Budget: {record['budget']}; seeds {', '.join(map(str, record['seeds']))}; {tuned}.",
        f"Judged at {correction['alpha']:g} / {correction['comparisons']} comparisons ({correction['method']}), "
        f"{correction['draws']:,} draws of users and seeds.",
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load'][0]:g}; commit `{record['commit']}`, {record['created']}.",
        f"Again: `{record['command']}`",
    ]


def _measured(record: dict[str, Any]) -> str:
    about = f"{label(record['metric'])} on {record['dataset']}"
    if (rows := record.get("rows", LISTS)) != LISTS:
        return f"{about}, {record['users']:,} {rows}."
    return f"{about}, users: {record['slice']} ({record['users']:,}), seen items {record['seen']}."


def verdict(record: dict[str, Any], claim: Claim) -> str:
    """The verdict as a sign and a word; stale records say so."""
    word = f"{SIGNS[record['verdict']]} {record['verdict']}"
    return f"{word} (stale)" if stale(record, [claim]) else word.replace(" ", "\u00a0")


def by_how_much(record: dict[str, Any]) -> str:
    """The difference to the first rival, with its interval."""
    first, (low, high) = record["comparisons"][0], record["interval"]
    relative = f"{first['relative']:+.1%}, " if first["relative"] is not None else ""
    allowed = f"; may be {-record['margin']:.0%} behind" if record["margin"] < 0 else ""
    return (
        f"{label(record['metric'])} {record['difference']:+.4f} ({relative}95% {low:+.4f} to {high:+.4f}) against {first['other']}{allowed}"
    )


def cost(record: dict[str, Any]) -> str:
    """What one seed of the subject took."""
    subject = record["arms"][0]
    size = f"{_short(subject['parameters'])} parameters" if subject["parameters"] else "parameters not counted"
    return f"{subject['seconds']:.0f} s, {subject['peak_mb'] / 1000:.1f} GB, {size}"


def _short(number: int) -> str:
    return f"{number / 1e6:.1f}M" if number >= 1e6 else f"{number / 1e3:.0f}k" if number >= 1e3 else str(number)


def _paper(recipe: Recipe) -> str:
    link = f"[{recipe.paper.link}]({recipe.paper.url})" if recipe.paper.url else recipe.paper.link
    return f"{recipe.paper.source}, {link}"


def _figure(figure: Figure) -> list[str]:
    return [f"![{figure.alt}](figures/{figure.name})", "", f"*{figure.caption}*", ""]


def _settings(settings: Mapping[str, Any]) -> str:
    told = [f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value!r}" for name, value in settings.items()]
    return ", ".join(told) or "as built"

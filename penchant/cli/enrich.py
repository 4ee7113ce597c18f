"""``penchant enrich``: items in a language model's words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penchant.cli.language_models import SMALL, ModelOption, PricesOption, ServerOption, SpendOption, language_model
from penchant.cli.options import DataArgument, OutOption, out_folder
from penchant.cli.teach import STEPS, StepsOption, StudentOption, TeachOption, check_free, teach
from penchant.core.errors import InputError
from penchant.core.storage import replace_text
from penchant.data.sources import load
from penchant.data.sources.writing import check_new, to_folder
from penchant.items.enrich import Enricher, Item
from penchant.items.enriched import into
from penchant.llm.batch import Row, Summary, run
from penchant.llm.lines import read
from penchant.llm.model import Choice, Completion

console = Console()
_SHOWN = 8


def enrich(
    data: DataArgument = "ml-100k",
    model: ModelOption = SMALL,
    server: ServerOption = None,
    prices: PricesOption = "0,0",
    spend: SpendOption = None,
    attributes: Annotated[
        Path | None,
        typer.Option("--attributes", help='JSON file of attributes and what each may be: {"audience": ["children", "adults"]}.'),
    ] = None,
    rows: Annotated[int | None, typer.Option("--rows", min=1, help="The first items only.")] = None,
    out: OutOption = None,
    write: Annotated[
        Path | None,
        typer.Option("--write", help="Folder for the same data, with what was made as part of items' texts."),
    ] = None,
    teach_to: TeachOption = None,
    student: StudentOption = SMALL,
    steps: StepsOption = STEPS,
) -> None:
    """Give items a short title and a summary by a language model, as far as their own text bears them out, and attributes of closed sets.

    A run that was stopped goes on where it was. Results go to `enriched.jsonl`, the model's own answers to `answers.jsonl` beside it.
    What a large model answered for some items can be taught to a small one with `--teach`, which then does the others.

    Example: `penchant enrich amazon-office --rows 50 --attributes attributes.json`
    """
    check_free(teach_to)
    if write is not None:
        check_new(write)
    loaded = load(data)
    catalog = loaded.dataset.catalog
    items = {
        item_id: Item(title or "", text or "")
        for item_id, title, text in catalog.table.select("item_id", "title", "description").iter_rows()
    }
    items = dict(list(items.items())[:rows])
    enricher = Enricher(language_model(model, server, prices, spend), _options(attributes))
    folder = out_folder(out, f"{Path(data).name}-enriched")

    def asked() -> Iterator[Row]:
        for item_id, item in items.items():
            for what, question in enricher.questions(item).items():
                yield f"{item_id}/{what}", question

    done = run(asked(), enricher.model, folder / "answers.jsonl", total=len(items) * (1 + len(enricher.labellers)))
    answers = read(folder / "answers.jsonl")
    every, table = {}, Table("item", "short title", "summary", *enricher.labellers, "by")
    for item_id, item in items.items():
        words = answers.get(f"{item_id}/words")
        chosen = {}
        for name, labeller in enricher.labellers.items():
            if isinstance(answer := answers.get(f"{item_id}/{name}"), Choice):
                chosen[name] = labeller.labels[labeller.read(answer).label]
        made = enricher.enriched(item, words if isinstance(words, Completion) else None, chosen)
        every[item_id] = made
        if len(every) <= _SHOWN:
            values = [made.short_title, made.summary, *(chosen.get(name, "") for name in enricher.labellers), made.author]
            table.add_row(*map(escape, [item_id, *values]))
    lines = [json.dumps({"item_id": item_id, **vars(made)}, ensure_ascii=False) for item_id, made in every.items()]
    replace_text(folder / "enriched.jsonl", "\n".join(lines) + "\n")
    console.print(table)
    own = sum('"author": "without a model"' not in line for line in lines)
    console.print(
        f"{own:,} of {len(lines):,} items have words of the model; the others those of their own text. {folder / 'enriched.jsonl'}"
    )
    console.print(told_of(done))
    if write is not None:
        to_folder(loaded, write, items=into(catalog.table, every))
        console.print(f"{write} has the same data with what was made. Next: penchant train {write}", markup=False)
    if teach_to is not None:
        console.print(teach(asked(), folder / "answers.jsonl", teach_to, student, steps), markup=False)


def told_of(done: Summary) -> str:
    """A run of a model in one line."""
    parts = [f"{done.done:,} answers, {done.skipped:,} from before, {done.failed:,} failed", f"{done.seconds:.1f} s"]
    parts.append(f"{done.tokens_per_second:,.0f} tokens a second")
    if done.cost:
        parts.append(f"cost {done.cost:.4g}, {done.cost_per_thousand:.4g} a thousand")
    return "; ".join(parts) + (f". Stopped: {done.stopped}" if done.stopped else "")


def _options(path: Path | None) -> Mapping[str, list[str]]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"--attributes {path}", f"it cannot be read as JSON ({error})", "pass a file of attributes") from error
    fits = isinstance(found, dict) and all(isinstance(one, list) and all(isinstance(name, str) for name in one) for one in found.values())
    if not fits:
        raise InputError(f"--attributes {path}", "it is no object of lists of texts", 'write {"audience": ["children", "adults"]}')
    return found

"""``penchant items``: vectors and semantic IDs of a catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from penchant.cli.options import DataArgument, EncoderName, EncoderOption, ReleaseOption, SeedOption, out_folder
from penchant.core.errors import InputError
from penchant.data.sources import load
from penchant.items.code_report import code_report
from penchant.items.code_tree import describe_prefix
from penchant.items.item_space import ItemSpace
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.pipeline.release import load_release
from penchant.search.vector import VectorIndex

app = typer.Typer(no_args_is_help=True)
console = Console()


@app.command()
def build(
    data: DataArgument = "ml-100k",
    encoder: EncoderOption = EncoderName.minilm,
    levels: Annotated[int, typer.Option("--levels", help="Levels of the semantic IDs, before the one that makes them unique.")] = 3,
    codebook: Annotated[int, typer.Option("--codebook", help="Codes a level.")] = 256,
    out: Annotated[Path | None, typer.Option("--out", help="Where the item space goes. Default: runs/NAME/items.")] = None,
    seed: SeedOption = 0,
) -> None:
    """Encode a catalogue, learn its semantic IDs, and report what the codes are like.

    Example: `penchant items build my-shop --codebook 128`
    """
    dataset = load(data).dataset
    counts = np.bincount(dataset.histories.items, minlength=dataset.num_items + 1)
    space = ItemSpace.build(dataset.catalog, encoder.make(dataset.catalog), ResidualKMeans(levels, codebook, seed=seed), counts)
    folder = out or out_folder(None, dataset.name) / "items"
    space.save(folder)
    quantiser = space.quantiser
    report = code_report(space.vectors["text"][1:], quantiser, categories=dataset.catalog.readable_categories())
    table = Table("level", "codes used", "perplexity", "error", "error, shuffled", "purity", "purity, shuffled")
    for level in report.levels:
        used = f"{level.used} of {level.codes}"
        errors = (f"{level.mse:.4f}", f"{level.mse_shuffled:.4f}")
        purity = tuple("-" if one is None else f"{one:.2f}" for one in (level.purity, level.purity_shuffled))
        table.add_row(str(level.level), used, f"{level.perplexity:.1f}", *errors, *purity)
    console.print(table)
    shared = f"{report.collisions} of {report.items} items share all codes with another"
    console.print(f"{shared} before the last level, {report.collisions_after} after it.")
    console.print(f"Item space: {folder}")


@app.command()
def tree(
    prefix: Annotated[list[int] | None, typer.Argument(help="Codes from the top, e.g. 12 7; none for the root.")] = None,
    release: ReleaseOption = Path("runs/ml-100k/release"),
) -> None:
    """Show what lies below a prefix of the semantic IDs: its common words, categories and examples.

    Example: `penchant items tree 12 7`
    """
    found = describe_prefix(load_release(release).space, tuple(prefix or ()))
    console.print(f"{found['items']} items; common words: {', '.join(found['words']) or 'none'}")
    table = Table("code", "items", "words", "examples")
    for child in found["children"]:
        table.add_row(str(child["code"]), str(child["items"]), ", ".join(child["words"]), "; ".join(child["examples"]))
    console.print(table)


@app.command()
def near(
    item: Annotated[str, typer.Argument(help="An item id.")],
    release: ReleaseOption = Path("runs/ml-100k/release"),
    k: Annotated[int, typer.Option("-k", help="How many.")] = 10,
) -> None:
    """Show the items whose content is nearest to one item.

    Example: `penchant items near 50`
    """
    space = load_release(release).space
    if len(space.catalog) < 2:
        raise InputError("a catalogue of one item", "an item has no neighbours there", "load a larger catalogue")
    code = space.catalog.items.code(item, "item_id")
    found = VectorIndex(space.vectors["text"]).neighbours(np.array([code]), min(k, len(space.catalog) - 1))
    titles, ids = space.catalog.titles(), space.catalog.items.decode(found.items[0])
    table = Table("", "item", "title", "cosine", "codes")
    for place, (one, item_id, score) in enumerate(zip(found.items[0], ids, found.scores[0], strict=True), start=1):
        table.add_row(str(place), item_id, titles[int(one) - 1], f"{score:.3f}", " ".join(map(str, space.codes[one])))
    console.print(table)

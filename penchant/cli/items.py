"""``penchant items``: vectors and semantic IDs of a catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from penchant.cli.options import DataArgument, EncoderName, EncoderOption, ReleaseOption, SeedOption, out_folder
from penchant.core.artifacts import read_artifact
from penchant.core.errors import ArtifactError, InputError, require
from penchant.core.storage import writing
from penchant.data.sources import load
from penchant.data.sources.reading import read_table
from penchant.items import drift as changes
from penchant.items import refit as fitting
from penchant.items.code_figure import code_figure
from penchant.items.code_report import code_report
from penchant.items.code_tree import describe_prefix
from penchant.items.codebook import Collisions
from penchant.items.encoders import TextEncoder
from penchant.items.item_space import TEXT, ItemSpace
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.items.tfidf import TfidfSvd
from penchant.pipeline import release as releases
from penchant.pipeline.release import load_release
from penchant.search.vector import VectorIndex

app = typer.Typer(no_args_is_help=True)
console = Console()
SpaceArgument = Annotated[Path, typer.Argument(help="A release, or an item space as written by build.")]


@app.command()
def build(
    data: DataArgument = "ml-100k",
    encoder: EncoderOption = EncoderName.minilm,
    levels: Annotated[int, typer.Option("--levels", help="Levels of the semantic IDs, before the one that makes them unique.")] = 3,
    codebook: Annotated[int, typer.Option("--codebook", help="Codes a level.")] = 256,
    collisions: Annotated[Collisions, typer.Option("--collisions", help="How items with the same codes are told apart.")] = Collisions.RANK,
    out: Annotated[Path | None, typer.Option("--out", help="Where the item space goes. Default: runs/NAME/items.")] = None,
    seed: SeedOption = 0,
) -> None:
    """Encode a catalogue, learn its semantic IDs, and report what the codes are like.

    Example: `penchant items build my-shop --codebook 128`
    """
    dataset = load(data).dataset
    counts = np.bincount(dataset.histories.items, minlength=dataset.num_items + 1)
    quantiser = ResidualKMeans(levels, codebook, seed=seed)
    space = ItemSpace.build(dataset.catalog, encoder.make(dataset.catalog), quantiser, counts, collisions=collisions)
    folder = out or out_folder(None, dataset.name) / "items"
    space.save(folder)
    _report(space, folder.with_name(f"{folder.name}-codes"), refits=False)
    console.print(f"Item space: {folder}")


@app.command()
def report(
    place: SpaceArgument = Path("runs/ml-100k/release"),
    out: Annotated[Path | None, typer.Option("--out", help="Where figure and numbers go. Default: beside it, NAME-codes.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what needs two more fits: how long codes last.")] = False,
) -> None:
    """Report what the semantic IDs of a release or an item space are like, with a figure.

    Example: `penchant items report runs/ml-100k/release`
    """
    _report(_space(place), out or place.with_name(f"{place.name}-codes"), refits=not quick)


@app.command()
def drift(
    place: SpaceArgument,
    other: Annotated[Path, typer.Argument(help="A table of new items (Parquet, CSV, JSON lines), or a later release or item space.")],
    encoder: EncoderOption = EncoderName.minilm,
) -> None:
    """Measure whether new items still fit the codes, or what changed between two versions.

    A release brings its own encoder; for an item space say which one made it.

    Example: `penchant items drift runs/my-shop/release new-items.csv`
    """
    space = _space(place)
    if other.is_dir():
        found: changes.Churn | changes.Drift = changes.churn(space, _space(other))
    else:
        table = read_table(other)
        require("item_id" in table.columns, f"columns {table.columns} of {other}", "new items need the column item_id", "add it")
        found = changes.drift(space, table, _encoder(place, space, encoder))
        shown = Table("level", "error", "new items", "held-out items", "ratio", "shift of use (bits)", "by chance")
        for level in found.levels:
            unseen = "-" if level.error_unseen is None else f"{level.error_unseen:.4f}"
            ratio = "-" if level.ratio is None else f"{level.ratio:.2f}"
            shifts = (f"{level.shift:.3f}", f"{level.shift_chance:.3f}")
            shown.add_row(str(level.level), f"{level.error:.4f}", f"{level.error_new:.4f}", unseen, ratio, *shifts)
        console.print(shown)
    console.print(found.message())


@app.command()
def refit(
    place: SpaceArgument,
    budget: Annotated[float, typer.Option("--budget", help="The most items that may get other codes, as a share of the catalogue.")] = 0.05,
    out: Annotated[Path | None, typer.Option("--out", help="Where the new item space goes. Default: beside it, NAME-refit.")] = None,
) -> None:
    """Fit the codes to the items there are now; few items get other codes, and a table says which.

    Models that read the old codes must be given the new ones: the table of moves lies beside the new item space.

    Example: `penchant items refit runs/my-shop/items --budget 0.05`
    """
    folder = out or place.with_name(f"{place.name}-refit")
    found = fitting.refit(_space(place), budget=budget)
    found.space.save(folder)
    moves = folder.with_name(f"{folder.name}-moves")
    found.moves.save(moves)
    console.print(found.message())
    console.print(f"Item space: {folder}, moves: {moves}")


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


def _space(place: Path) -> ItemSpace:
    """The item space of a release, or the one that lies there itself."""
    saved = read_artifact(place, verify=False)
    kinds = (releases.KIND, ItemSpace.KIND)
    known = saved.manifest.kind in kinds
    require(known, f"kind={saved.manifest.kind!r} in {place}", "codes lie in a release or an item space", "give its folder", ArtifactError)
    return ItemSpace.load(saved.child("items") if saved.manifest.kind == releases.KIND else place)


def _encoder(place: Path, space: ItemSpace, name: EncoderName) -> TextEncoder:
    """That of a release if it keeps one; else the named one, which ``drift`` checks."""
    fitted = place / "encoder"
    return TfidfSvd.load(fitted) if fitted.is_dir() else name.make(space.catalog)


def _report(space: ItemSpace, folder: Path, *, refits: bool) -> None:
    """Print what the codes are like, and write ``codes.json`` and ``codes.svg``."""
    categories = space.catalog.readable_categories()
    found = code_report(space.vectors[TEXT][1:], space.quantiser, codes=space.codes[1:, :-1], categories=categories, refits=refits)
    table = Table("level", "codes used", "perplexity", "error", "error, shuffled", "purity", "purity, shuffled")
    for level in found.levels:
        used = f"{level.used} of {level.codes}"
        errors = (f"{level.mse:.4f}", f"{level.mse_shuffled:.4f}")
        purity = tuple("-" if one is None else f"{one:.2f}" for one in (level.purity, level.purity_shuffled))
        table.add_row(str(level.level), used, f"{level.perplexity:.1f}", *errors, *purity)
    console.print(table)
    for sentence in found.sentences():
        console.print(sentence)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "codes.svg").write_bytes(code_figure(found).content)
        numbers = {"code_version": space.code_version, **found.plain()}
        (folder / "codes.json").write_text(json.dumps(numbers, indent=1, allow_nan=False), encoding="utf-8")
    console.print(f"Figure and numbers: {folder}")

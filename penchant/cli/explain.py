"""``penchant explain``: why a user is shown what is shown, in words that were looked up."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penchant.cli.language_models import ModelOption, PricesOption, ServerOption, SpendOption, language_model
from penchant.cli.options import ReleaseOption
from penchant.cli.serving import DEFAULT_RELEASE
from penchant.pipeline.explanations import TEMPLATE, Explanations
from penchant.pipeline.reasons import score_drops
from penchant.pipeline.release import load_release
from penchant.pipeline.shelf import release_at
from penchant.serve.portraits.fitted import fitted

console = Console()


def explain(
    user: Annotated[str, typer.Argument(help="A user of the release.")],
    release: ReleaseOption = DEFAULT_RELEASE,
    model: ModelOption = TEMPLATE,
    server: ServerOption = None,
    prices: PricesOption = "0,0",
    spend: SpendOption = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Length of the list.")] = 5,
) -> None:
    """Explain a user's list: what drove each item, in words, and what these events weigh.

    Without `--model` the words are a template's. A model's sentences that the facts do not bear out are dropped and told.

    Example: `penchant explain 42 --model smollm2`
    """
    loaded = load_release(release_at(release))
    history = loaded.histories.take(np.array([loaded.users.code(user, "user_id") - 1]))
    portrait = fitted(loaded)().of(history)
    explanations = Explanations(loaded.space.catalog)
    found = loaded.recommender().recommend(history=history, k=k).suggestions
    cases = explanations.cases(history, portrait, [(one.item, one.reason) for one in found])
    if model == TEMPLATE:
        told = [explanations.template(case) for case in cases]
    else:
        told = explanations.written(language_model(model, server, prices, spend), cases)
    past, drops = score_drops(loaded.explainer(), history, np.array([one.item for one in found]))
    table = Table("item", "because", "log-probability lost without it", "words by")
    for place, (one, why) in enumerate(zip(found, told, strict=True)):
        named = np.isin(past, one.reason.because)
        weight = f"{drops[named, place].sum():.2f}, any event {drops[:, place].mean():.2f}" if named.any() else "no single event"
        table.add_row(escape(cases[place].evidence.item), escape(why.text), weight, why.author)
    console.print(table)
    for why in told:
        for statement in why.dropped:
            console.print(f"Dropped: {statement.text!r}: {statement.wrong}", markup=False, highlight=False)
        if why.failed:
            console.print(f"No answer: {why.failed}", markup=False, highlight=False)

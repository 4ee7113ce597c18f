"""Which language model a command asks: the small local one, one in a folder, or one behind a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penchant.core.assets import cache_folder
from penchant.core.errors import InputError
from penchant.llm import smollm2
from penchant.llm.cache import Cached
from penchant.llm.local import LocalModel
from penchant.llm.model import LanguageModel
from penchant.llm.server import OpenAIServer, ServerSettings

SMALL = "smollm2"
ModelOption = Annotated[
    str,
    typer.Option(
        "--model", help=f"{SMALL} ({smollm2.NAME}, fetched once, 93 MB), a folder with a model, or with --server its name for the model."
    ),
]
ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server", envvar="PENCHANT_LLM_SERVER", help="Ask a server that speaks the OpenAI protocol, e.g. http://localhost:8000/v1."
    ),
]
PricesOption = Annotated[
    str, typer.Option("--prices", help="Of a million tokens read and written at the server, e.g. 0.15,0.60; for costs and --spend.")
]
SpendOption = Annotated[float | None, typer.Option("--spend", help="End when this much is spent at the server; what is done is kept.")]


def language_model(
    model: str, server: str | None = None, prices: str = "0,0", spend: float | None = None, *, odds: bool = False
) -> LanguageModel:
    """The model, with every answer kept for the next time.

    Args:
        model: As ``--model`` names it.
        server: As ``--server`` does.
        prices: As ``--prices`` tells them.
        spend: The most that may be spent.
        odds: Whether a server is asked how probable options are; one in this process always tells it.

    Raises:
        InputError: The prices are not two numbers, or a setting is out of its range.
        AssetError: There is no model of that name.
    """
    return Cached(_asked(model, server, prices, spend, odds), cache_folder() / "answers.sqlite")


def _asked(model: str, server: str | None, prices: str, spend: float | None, odds: bool) -> LanguageModel:
    if server is not None:
        try:
            read, written = map(float, prices.split(","))
        except ValueError:
            raise InputError(f"--prices {prices}", "two numbers are needed, for tokens read and written", "pass e.g. 0.15,0.60") from None
        return OpenAIServer(
            ServerSettings(base_url=server, model=model, odds=odds, price_read=read, price_written=written, spend_limit=spend)
        )
    return LocalModel.fetch() if model == SMALL else LocalModel(Path(model))

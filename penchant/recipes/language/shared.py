"""What recipes that ask language models share."""

from __future__ import annotations

from pathlib import Path

from penchant.core.assets import cache_folder
from penchant.core.errors import require
from penchant.llm.cache import Cached
from penchant.llm.local import LocalModel
from penchant.llm.model import LanguageModel
from penchant.llm.server import OpenAIServer, ServerSettings
from penchant.llm.whole import Whole


def language_model(where: str = "") -> LanguageModel:
    """The model that is there, with every answer kept for the next time. One that is not there ends the run: no guess is measured.

    Args:
        where: Empty for the small local one; a folder with a model; or a server and its name for a model, as in
            ``http://localhost:8000/v1#NAME``.

    Raises:
        InputError: It is a server without a name.
        AssetError: There is no model.
    """
    return Whole(Cached(_asked(where), cache_folder() / "answers.sqlite"))


def _asked(where: str) -> LanguageModel:
    if not where.startswith(("http://", "https://")):
        return LocalModel(Path(where)) if where else LocalModel.fetch()
    server, _, name = where.partition("#")
    require(bool(name), f"model={where!r}", "a server has models by name", f"pass {server}#NAME")
    return OpenAIServer(ServerSettings(base_url=server, model=name, odds=True))  # what is measured goes by how probable options are

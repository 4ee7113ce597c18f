"""Which models can be taught from here: those whose weights are in this process."""

from __future__ import annotations

from penchant.core.errors import InputError
from penchant.llm.cache import Cached
from penchant.llm.local import LocalModel
from penchant.llm.model import LanguageModel
from penchant.llm.whole import Whole


def teachable(model: LanguageModel) -> LocalModel:
    """The model whose answers are kept, where it is in this process.

    Args:
        model: As it is asked: itself, or with its answers kept.

    Raises:
        InputError: It is somewhere else, and cannot be taught from here.
    """
    inner = model
    while isinstance(inner, Whole | Cached):
        inner = inner.model
    if not isinstance(inner, LocalModel):
        raise InputError(f"model={model.name}", "only a model in this process can be taught", "pass the folder of one")
    return inner

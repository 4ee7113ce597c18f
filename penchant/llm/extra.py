"""Packages of the extra ``llm``: asked for when they are needed, so that everything else works without them."""

from __future__ import annotations

import importlib
from types import ModuleType

from penchant.core.errors import AssetError


def needed(package: str) -> ModuleType:
    """The package, imported.

    Raises:
        AssetError: It is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        remedy = 'install the extra: pip install "penchant[llm]"'
        raise AssetError(f"package {package}", "language models need it, and it is not installed", remedy) from error

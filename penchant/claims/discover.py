"""Finding recipes: every module below ``penchant.recipes`` that has a ``build`` is one. There is no list to keep.

The version of a recipe's code is a hash of its own source and of all Penchant sources it stands on and that can change
a number. Comments, docstrings and layout do not count.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from penchant.claims.claim import LISTS, Claim, Paper
from penchant.claims.world import World
from penchant.core.errors import InputError, require

PACKAGE = "penchant.recipes"
#: Parts whose changes cannot move a recipe's numbers: plumbing, and what is made of the numbers afterwards.
NOT_COUNTED = ("penchant.core", "penchant.claims", "penchant.cli", "penchant.serve", "penchant.pipeline", "penchant.data.sources")
#: What is counted all the same: through it recipes train.
COUNTED = ("penchant.claims.lab",)


@dataclass(frozen=True)
class Recipe:
    """A published system, as found.

    Attributes:
        name: File name without ``.py``.
        family: Folder.
        module: Dotted name.
        paper: Where it comes from.
        tiny: Arguments with which it trains in CPU seconds.
        space: Optuna distributions of the arguments that tuning may choose.
        claims: What it says of itself.
        build: The function; what it gives ranks the catalogue, or is what ``measure`` measures.
        departs: Why a contract test does not apply, by the test's name.
        extends: Recipe that it adds something to, whose tuned settings are its own until it is tuned itself.
        measure: Of a recipe that makes no lists: what its model is worth on what it did not learn from, as float[R] by metric,
            a value for each of R things which do not depend on each other, in one order for every arm; None judges lists.
    """

    name: str
    family: str
    module: str
    paper: Paper
    tiny: Mapping[str, Any]
    space: Mapping[str, Any]
    claims: Sequence[Claim]
    build: Callable[..., Any]
    departs: Mapping[str, str]
    extends: str | None = None
    measure: Callable[[Any, World], Mapping[str, np.ndarray]] | None = None

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Refuse arguments that ``build`` does not take.

        Raises:
            InputError: One is unknown; the message lists the known ones.
        """
        known = self.defaults
        for name in settings:
            require(name in known, f"{self.name}: {name}={settings[name]!r}", "its build has no such argument", f"use {', '.join(known)}")

    @property
    def defaults(self) -> dict[str, Any]:
        """Arguments of ``build`` and their defaults."""
        return {name: one.default for name, one in inspect.signature(self.build).parameters.items() if name != "lab"}

    @property
    def version(self) -> str:
        """Hash of the code its numbers depend on."""
        return code_version(self.module)


@cache
def recipes() -> dict[str, Recipe]:
    """Every recipe by name, sorted.

    Raises:
        InputError: Two files have one name, or a recipe lacks a part.
    """
    package = importlib.import_module(PACKAGE)
    found: dict[str, Recipe] = {}
    for info in pkgutil.walk_packages(package.__path__, prefix=f"{PACKAGE}."):
        if info.ispkg:
            continue
        module = importlib.import_module(info.name)
        if not hasattr(module, "build"):
            continue
        recipe = read(module)
        require(recipe.name not in found, f"recipe {recipe.name!r}", "two files have this name", "rename one")
        found[recipe.name] = recipe
    return dict(sorted(found.items()))


def read(module: ModuleType) -> Recipe:
    """A module as a recipe."""
    *_, family, name = module.__name__.split(".")
    missing = [part for part in ("PAPER", "TINY", "CLAIMS", "build") if not hasattr(module, part)]
    require(not missing, f"recipe {name!r} without {', '.join(missing)}", "a recipe exports PAPER, TINY, CLAIMS and build", "add them")
    return Recipe(
        name=name,
        family=family,
        module=module.__name__,
        paper=module.PAPER,
        tiny=module.TINY,
        space=getattr(module, "SPACE", {}),
        claims=tuple(module.CLAIMS),
        build=module.build,
        departs=getattr(module, "DEPARTS", {}),
        extends=getattr(module, "EXTENDS", None),
        measure=getattr(module, "measure", None),
    )


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        InputError: There is none; the message lists those there are.
    """
    found = recipes()
    if name not in found:
        raise InputError(f"recipe={name!r}", "there is none of that name", f"use one of: {', '.join(found)}")
    return found[name]


@cache
def claims() -> dict[str, tuple[Recipe, Claim]]:
    """Every claim by name, with the recipe that makes it.

    Raises:
        InputError: Two claims have one name, or an arm names a missing recipe or an unknown argument.
    """
    found: dict[str, tuple[Recipe, Claim]] = {}
    for owner in recipes().values():
        for claim in owner.claims:
            require(claim.name not in found, f"claim {claim.name!r}", "two claims have this name", "rename one")
            for arm in claim.arms:
                recipe(arm.recipe).check_settings(arm.settings)
                require(
                    (recipe(arm.recipe).measure is None) == (claim.rows == LISTS),
                    f"claim {claim.name!r} of {claim.rows}, arm {arm.name!r}",
                    "lists are judged for users, and a recipe with measure says what else it has values of",
                    "set rows to that, or compare recipes that make lists",
                )
            found[claim.name] = (owner, claim)
    return found


def claim(name: str) -> tuple[Recipe, Claim]:
    """The claim of that name and its recipe.

    Raises:
        InputError: There is none; the message lists those there are.
    """
    found = claims()
    if name not in found:
        raise InputError(f"claim={name!r}", "no recipe makes it", f"use one of: {', '.join(found)}")
    return found[name]


@cache
def code_version(module: str) -> str:
    """SHA-256 (16 digits) over the module and every Penchant module it imports, directly or not."""
    digest = hashlib.sha256()
    for name in sorted(_reachable(module)):
        digest.update(f"{name}\0{_shape(name)}\0".encode())
    return digest.hexdigest()[:16]


def _reachable(module: str) -> set[str]:
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        plumbing = name.startswith(NOT_COUNTED) and name not in COUNTED
        if name in found or plumbing or _source(name) is None:
            continue
        found.add(name)
        waiting += _imports(name)
    return found


@cache
def _imports(module: str) -> list[str]:
    names = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("penchant"):
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names if alias.name.startswith("penchant")]
    return names


@cache
def _source(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # a name imported from a module, not a module
        return None
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


@cache
def _tree(module: str) -> ast.Module:
    source = _source(module)
    assert source is not None
    return ast.parse(source.read_text(encoding="utf-8"))


@cache
def _shape(module: str) -> str:
    """The syntax tree as text, without docstrings, and without the claims, which do not change what ``build`` does."""
    tree = _tree(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                node.body = node.body[1:]
    told = ("CLAIMS", "PAPER", "TINY", "SPACE", "DEPARTS", "EXTENDS")
    kept = [node for node in tree.body if not (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in told)]
    return ast.dump(ast.Module(body=kept, type_ignores=[]))

"""MkDocs hook: write the API reference from the package tree.

One page for each package and each single module of ``penchant/``, holding the docstrings of its modules.
A new module is in the reference without anybody listing it. Private modules (``_name.py``) are left out.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "penchant"
# From the bottom layer up; a package that is not named here comes after them.
ORDER = [
    *("core", "data", "nn", "llm", "contracts", "ranking", "objectives", "train", "evaluate"),
    *("items", "search", "users", "models", "pipeline", "serve", "claims", "cli"),
]


def is_public(path: Path) -> bool:
    """Whether no part of the path below the package is private or a cache."""
    return not any(part.startswith(("_", ".")) for part in path.relative_to(PACKAGE).with_suffix("").parts if part != "__init__")


def dotted(path: Path) -> str:
    """The import name of a module's file: ``penchant/core/errors.py`` is ``penchant.core.errors``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def pages() -> dict[str, str]:
    """The pages by name: ``{"core": markdown, ...}``."""
    texts = {}
    packages = {path.parent.name: path.parent for path in PACKAGE.glob("*/__init__.py") if is_public(path)}
    modules = {path.stem: path for path in PACKAGE.glob("*.py") if is_public(path) and path.stem != "__init__"}
    order = {name: place for place, name in enumerate(ORDER)}
    for name in sorted(packages | modules, key=lambda name: (order.get(name, len(ORDER)), name)):
        files = sorted(path for path in packages[name].rglob("*.py") if is_public(path)) if name in packages else [modules[name]]
        texts[name] = "".join(
            f"::: {dotted(path)}\n    options:\n      heading_level: {min(place, 1) + 1}\n\n" for place, path in enumerate(files)
        )
    return texts


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the reference to the navigation."""
    config.nav = [*(config.nav or []), {"API reference": [{name: f"api/{name}.md"} for name in pages()]}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages themselves; they exist in memory only."""
    for name, text in pages().items():
        files.append(File.generated(config, f"api/{name}.md", content=text))
    return files

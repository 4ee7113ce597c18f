"""What tells intents across domains, as an artifact beside that of portraits, which has the tree of categories. No row of a user."""

from __future__ import annotations

from pathlib import Path

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.users.categories import CategoryTree
from penchant.users.intents import Intents, IntentSettings

KIND = "intents"
_PARTS = ("kept", "common", "lift", "usual", "shares")


def save_intents(made: Intents, folder: Path) -> None:
    """Write ``folder``: settings and counts.

    Raises:
        StorageError: The disk refused.
    """
    with write_artifact(folder, kind=KIND, settings=made.settings.plain()) as out:
        out.tensors("counts", {name: getattr(made, name) for name in _PARTS})


def load_intents(folder: Path, tree: CategoryTree) -> Intents:
    """What ``save_intents`` wrote.

    Args:
        folder: Of the artifact.
        tree: The one that it was fitted with.

    Raises:
        ArtifactError: It is missing, incomplete or altered.
    """
    saved = read_artifact(folder, kind=KIND)
    return Intents(tree, **saved.arrays("counts"), settings=IntentSettings.of(saved.manifest.settings))

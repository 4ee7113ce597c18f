"""A release made of another one: all of its files but some, for what changes little and knows the rest to be as it was."""

from __future__ import annotations

import shutil
from collections.abc import Collection

from penchant.core.artifacts import Artifact, ArtifactWriter
from penchant.core.manifest import MANIFEST


def parts_of(saved: Artifact) -> set[str]:
    """Names of the files and folders at the top of an artifact, its manifest not among them."""
    return {name.split("/")[0] for name in saved.manifest.files} - {MANIFEST}


def copy_parts(saved: Artifact, out: ArtifactWriter, without: Collection[str]) -> None:
    """Put all but some of an artifact's parts into one that is being written.

    Args:
        saved: What is copied.
        out: Where to.
        without: Parts that are left out.
    """
    for name in sorted(parts_of(saved) - set(without)):
        source = saved.path / name
        if source.is_dir():
            shutil.copytree(source, out.path / name)
        else:
            shutil.copy2(source, out.path / name)

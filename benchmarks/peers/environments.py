"""A virtual environment for each peer, outside the repository, with pinned versions; made once.

A peer is never a dependency of Penchant. torch is installed first and then held fixed, so that no resolver swaps it for
another build.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

from penchant.core.assets import cache_folder

TORCH = "torch==2.13.0"


@dataclass(frozen=True)
class Peer:
    """A library we measure against.

    Attributes:
        name: As pip knows it.
        version: The one measured.
        first: Requirements installed before it and held fixed.
        beside: Requirements installed with it.
        extras: Extras of the package.
    """

    name: str
    version: str
    first: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    extras: str = ""

    @property
    def runner(self) -> Path:
        """The script its interpreter runs."""
        return Path(__file__).with_name(f"run_{self.name}.py")

    @property
    def home(self) -> Path:
        """Its virtual environment."""
        return cache_folder() / "peers" / f"{self.name}-{self.version}"


RECBOLE = Peer("recbole", "1.2.1", first=(TORCH,), beside=("pandas==2.3.3", "numpy==2.4.6", "scipy==1.17.1", "setuptools==80.9.0"))
RECTOOLS = Peer("rectools", "0.19.0", first=(TORCH,), beside=("pytorch-lightning==2.5.2", "numpy==1.26.4"), extras="[torch]")
CORNAC = Peer(
    "cornac", "3.0.1", first=(TORCH,), beside=("transformers==5.23.0", "faiss-cpu==1.15.1", "scikit-learn==1.9.1", "numpy==2.4.6")
)
IMPLICIT = Peer("implicit", "0.7.3", beside=("numpy==2.4.6", "scipy==1.17.1"))


def interpreter(peer: Peer) -> Path:
    """The peer's Python, installed now if it is not there yet.

    Raises:
        SystemExit: Something could not be installed; the end of pip's own words says why.
    """
    windows = os.name == "nt"
    python = peer.home / ("Scripts" if windows else "bin") / ("python.exe" if windows else "python")
    marker = peer.home / ".ready"
    if marker.exists():
        return python
    if peer is RECBOLE and sys.version_info >= (3, 12):
        raise SystemExit(f"Python {sysconfig.get_python_version()}: RecBole 1.2.1 does not install on 3.12 or newer; use Python 3.11")
    shutil.rmtree(peer.home, ignore_errors=True)
    venv.create(peer.home, with_pip=True)
    if peer.first:
        _install(python, *peer.first)
    fixed = peer.home / "fixed.txt"
    fixed.write_text("\n".join(peer.first) + "\n", encoding="utf-8")
    _install(python, "-c", str(fixed), f"{peer.name}{peer.extras}=={peer.version}", *peer.beside)
    marker.touch()
    return python


def _install(python: Path, *what: str) -> None:
    sys.stderr.write(f"installing {' '.join(what)}\n")
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")

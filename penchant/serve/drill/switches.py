"""Numbers that one process sets and others heed, in small files: how a drill tells a running program what is to go wrong."""

from __future__ import annotations

from pathlib import Path

from penchant.core.storage import replace_text

CLOCK, HANG, DELAY = "clock", "hang", "delay"


class Switches:
    """Numbers by name.

    Args:
        folder: Of the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def turn(self, name: str, value: float) -> None:
        """Set one.

        Raises:
            StorageError: The disk refused.
        """
        replace_text(self.folder / name, f"{value}")

    def value(self, name: str) -> float:
        """What one says; 0 where it was never set."""
        try:
            return float((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return 0.0

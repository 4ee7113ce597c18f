"""The log of a run: JSON lines for machines, TensorBoard for people."""

from __future__ import annotations

import json
from pathlib import Path

from penchant.core.errors import StorageError


class RunLog:
    """Appends one JSON object a call to ``log.jsonl`` and the same numbers to TensorBoard event files.

    Args:
        folder: Where to write; None writes nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._board = None
        if folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._board = SummaryWriter(str(folder / "tensorboard"))
            except OSError as error:
                raise StorageError(
                    f"{folder}", f"the log folder cannot be written ({error.strerror})", "free space or choose another folder"
                ) from error

    def write(self, step: int, **values: float | str) -> None:
        """Append ``values`` at ``step``."""
        if self.folder is None or self._board is None:
            return
        try:
            with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")
        except OSError as error:
            raise StorageError(
                f"{self.folder}", f"the log cannot be written ({error.strerror})", "free space; the run goes on from its checkpoint"
            ) from error
        for name, value in values.items():
            if isinstance(value, int | float):
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush and close the files."""
        if self._board is not None:
            self._board.close()

"""Histories of several origins as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penchant.core.errors import require
from penchant.data.histories import Histories

_COLUMNS = ("items", "actions", "times", "domains", "users")


def stacked(parts: Sequence[Histories]) -> Histories:
    """The rows of all parts, one part after the other; timed if all of them are.

    Raises:
        InputError: There are none.
    """
    require(len(parts) > 0, "no parts", "histories are stacked from some", "pass at least one")
    if len(parts) == 1:
        return parts[0]
    lengths = np.concatenate([part.lengths for part in parts])
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    return Histories(np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]), **columns, timed=all(part.timed for part in parts))

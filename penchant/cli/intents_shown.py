"""Intents across domains on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from penchant.users.intents import Intent


def table(intents: Sequence[Intent], titles: Sequence[str]) -> Table:
    """Intents with what they stand on; ``titles`` in code order."""
    found = Table("may want, elsewhere", "times as probable", "because of")
    for one in intents:
        because = "; ".join(f"{' / '.join(source.path)}: {titles[source.item - 1]}" for source in one.sources)
        found.add_row(escape(" / ".join(one.path)), f"{one.strength:.1f}", escape(because))
    return found

"""``penchant`` with nothing made of portraits when their users do something: what ``benchmarks.portraits_served`` compares with."""

from __future__ import annotations

from penchant.cli.main import main
from penchant.serve.portraits.kept import StoredPortraits


def nothing(self: StoredPortraits, pairs: object) -> None:
    """No portrait is asked for."""


if __name__ == "__main__":
    StoredPortraits.saw = nothing  # type: ignore[method-assign]
    main()

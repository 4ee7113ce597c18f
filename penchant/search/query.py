"""What was typed, made safe: query text is data, never syntax."""

from __future__ import annotations

from penchant.core.errors import require

#: Characters of a query that are read; callers may allow fewer.
MAX_CHARACTERS = 512


def clean(query: str) -> str:
    """The query on one line: spaces joined, control characters and broken Unicode replaced, cut to ``MAX_CHARACTERS``.

    Raises:
        InputError: Nothing is left.
    """
    # Twice the limit leaves room for the spaces that go; a megabyte is never looked at.
    text = query.lstrip()[: 2 * MAX_CHARACTERS].encode("utf-8", "replace").decode()
    text = " ".join("".join(mark if mark.isprintable() or mark in "\u200d\ufe0f" else " " for mark in text).split())[:MAX_CHARACTERS]
    require(
        bool(text.strip("\u200d\ufe0f")), f"query={query[:40]!r}", "a search needs something to look for", "type at least one character"
    )
    return text.strip()

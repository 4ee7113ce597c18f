"""Prompts as files, one version each: what was asked for an answer can be read, compared and asked again.

A file ``NAME.vN.txt`` in ``penchant/llm/prompts`` has the parts ``[system]`` and ``[user]``. In them ``{name}`` is a text of someone
else, which is put in quotation marks and robbed of its orders (``penchant.llm.quoting``), and ``{{name}}`` is one of our own, as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import Self

from penchant.core.errors import InputError, require
from penchant.llm.model import Message
from penchant.llm.quoting import quoted

_PART = re.compile(r"^\[(system|user)\]$", re.MULTILINE)
_SLOT = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}")


@dataclass(frozen=True)
class Prompt:
    """What a model is told.

    Attributes:
        name: With its version, as ``enrich.v1``.
        system, user: Texts with slots.
    """

    name: str
    system: str
    user: str

    @classmethod
    def load(cls, name: str) -> Self:
        """The prompt of a file.

        Args:
            name: With its version.

        Raises:
            InputError: There is no such file, or it lacks a part.
        """
        path = resources.files("penchant.llm") / "prompts" / f"{name}.txt"
        require(path.is_file(), f"prompt={name!r}", "there is no file of that name", f"use one of: {', '.join(names())}", InputError)
        parts = _PART.split(path.read_text(encoding="utf-8"))[1:]
        found = dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True))
        require(set(found) == {"system", "user"}, f"prompt={name!r}", "it needs the parts [system] and [user], once each", "write both")
        return cls(name, found["system"], found["user"])

    @property
    def slots(self) -> set[str]:
        """Names of all that is to be filled in."""
        return {own or other for own, other in _SLOT.findall(self.system + self.user)}

    def fill(self, **values: str) -> tuple[Message, ...]:
        """The conversation with every slot filled.

        Raises:
            InputError: A slot has no value, or a value no slot.
        """
        wrong = self.slots ^ set(values)
        require(not wrong, f"values={sorted(values)}", f"{self.name} has the slots {sorted(self.slots)}", "give a value to each")

        def put(slot: re.Match[str]) -> str:
            own, other = slot.groups()
            return values[own] if own else quoted(values[other])

        return Message("system", _SLOT.sub(put, self.system)), Message("user", _SLOT.sub(put, self.user))


def names() -> list[str]:
    """All prompts, with their versions."""
    folder = resources.files("penchant.llm") / "prompts"
    return sorted(one.name.removesuffix(".txt") for one in folder.iterdir() if one.name.endswith(".txt"))

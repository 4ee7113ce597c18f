"""A file of rules against a catalogue: a policy that fits it, or the line that does not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from penchant.core.errors import InputError
from penchant.pipeline.policy import Policy
from penchant.pipeline.rules.file import Problem, Refused, check_rules
from penchant.pipeline.rules.goods import Goods
from penchant.pipeline.rules.kinds import AnyRule, Rules
from penchant.pipeline.rules.terms import Where


@dataclass(frozen=True)
class RulesFile:
    """What stands in a file.

    Attributes:
        name: Of the file, for messages.
        rules: In its order.
        lines: Of each rule, from 1.
    """

    name: str
    rules: Rules
    lines: tuple[int, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            InputError: It cannot be opened.
            SettingsError: It breaks a rule; the message names the line.
        """
        try:
            return cls(path.name, *check_rules(content(path)))
        except Refused as refused:
            raise refused.problems[0].error(path.name, len(refused.problems) - 1) from None

    def policy(self, goods: Goods) -> Policy:
        """The rules over a catalogue.

        Raises:
            SettingsError: A rule does not fit it; the message names the line.
        """
        try:
            return Policy(self.rules, goods)
        except InputError:
            for rule, line in zip(self.rules.rules, self.lines, strict=True):
                try:
                    Policy(Rules(rules=(rule,)), goods)
                except InputError as error:
                    raise Problem(line, error.value, error.rule, error.remedy).error(self.name) from None
            raise

    def unknown(self, goods: Goods) -> list[tuple[int, str]]:
        """Lines and names that the catalogue does not have: no error, as items come and go."""
        pairs = zip(self.rules.rules, self.lines, strict=True)
        return [(line, name) for rule, line in pairs for where in _wheres(rule) for name in goods.unknown(where)]


def content(path: Path) -> bytes:
    """What a file of rules holds.

    Raises:
        InputError: It cannot be opened.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}", f"the file of rules cannot be read ({error.strerror})", "pass a file that is there") from error


def _wheres(rule: AnyRule) -> list[Where]:
    dids = [getattr(rule, "did", None), None if rule.audience is None else rule.audience.did]
    found = [getattr(rule, "where", None), *(did.where for did in dids if did is not None)]
    return [where for where in found if where is not None]

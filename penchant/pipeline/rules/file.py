"""Rules as a YAML file: read as a whole, or refused with the line and the reason.

Only plain data is taken: no anchors (a short text could stand for a huge one), no tags, no key twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from penchant.core.errors import SettingsError
from penchant.pipeline.rules.kinds import Rules

LARGEST = 16 << 20  # bytes of a file
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was built
_DEEPEST = 20  # levels: rules need far fewer
_SHOWN = 80  # characters of a value that are given back
_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp"))
_REMEDIES = {
    "extra_forbidden": "leave it out, or correct its name",
    "missing": "add it",
    "string_type": "put it in quotes if it is a text",
    "union_tag_not_found": "say which kind of rule it is: rule: boost, for example",
    "union_tag_invalid": "pass one of these",
    "literal_error": "pass one of these",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file.

    Attributes:
        line: From 1.
        value: What was found.
        rule: What it breaks.
        remedy: What to do about it.
    """

    line: int
    value: str
    rule: str
    remedy: str

    def error(self, name: str, others: int = 0) -> SettingsError:
        """As an error about the file ``name``."""
        more = f" ({others} more in this file)" if others else ""
        return SettingsError(f"{name}, line {self.line}: {self.value}", self.rule, self.remedy + more)


class Refused(Exception):
    """Carries all problems of a file to where they are told.

    Args:
        problems: At least one, by line.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)


def read_rules(text: str | bytes, name: str = "rules") -> Rules:
    """The rules of a file's content.

    Args:
        text: YAML.
        name: Of the file, for the message.

    Raises:
        SettingsError: It breaks a rule; the message names the line.
    """
    try:
        return check_rules(text)[0]
    except Refused as refused:
        raise refused.problems[0].error(name, len(refused.problems) - 1) from None


def check_rules(text: str | bytes) -> tuple[Rules, tuple[int, ...]]:
    """The rules, and the line of each.

    Raises:
        Refused: With every problem.
    """
    root = _composed(text)
    lines = _Lines()
    data = lines.plain(root)
    if lines.problems:
        raise Refused(sorted(lines.problems, key=lambda problem: problem.line))
    try:
        rules = Rules.model_validate(data)
    except ValidationError as error:
        found = [_problem(root, dict(one)) for one in error.errors()]
        raise Refused(sorted(found, key=lambda problem: problem.line)) from None
    return rules, tuple(_place(root, ("rules", index)).start_mark.line + 1 for index in range(len(rules.rules)))


def written(rules: Rules) -> str:
    """The rules as the text of a file."""
    return yaml.safe_dump(rules.plain(), sort_keys=False, allow_unicode=True)


def _composed(text: str | bytes) -> yaml.Node:
    if len(text) > LARGEST:
        raise Refused([Problem(1, f"{len(text):,} bytes", f"a file has at most {LARGEST:,}", "leave rules out")])
    depth = 0
    try:
        for event in yaml.parse(text, _Loader):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.AliasEvent):
                raise Refused([Problem(line, f"*{event.anchor}", "anchors are not taken", "write it out")])
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise Refused([Problem(line, f"{depth} levels", f"at most {_DEEPEST} are taken", "write it more plainly")])
        root = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise Refused([Problem(line, "the file", f"it is not YAML ({error.problem})", "correct this line")]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise Refused([Problem(1, "the file", f"it is not YAML ({str(error).splitlines()[0]})", "save it as UTF-8 text")]) from None
    if root is None:
        raise Refused([Problem(1, "the file", "it is empty", "write rules: [] for no rules")])
    return root


class _Lines(yaml.constructor.SafeConstructor):
    """Plain data of nodes, and what is wrong with single ones."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[Problem] = []

    def plain(self, node: yaml.Node) -> Any:
        if node.tag not in _TAGS:
            self._refuse(node, node.tag, "tags are not taken", "leave it out")
            return None
        if isinstance(node, yaml.MappingNode):
            found: dict[Any, Any] = {}
            for key, value in node.value:
                name = self.plain(key)
                if not isinstance(name, str):
                    self._refuse(key, _shown(name), "names are texts", "put it in quotes")
                elif name in found:
                    self._refuse(key, name, "it stands here twice", "leave one of them out")
                else:
                    found[name] = self.plain(value)
            return found
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(one) for one in node.value]
        try:
            return self.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            self._refuse(node, _shown(node.value), f"it cannot be read ({str(error).splitlines()[0]})", "put it in quotes if it is a text")
            return None

    def _refuse(self, node: yaml.Node, value: str, rule: str, remedy: str) -> None:
        self.problems.append(Problem(node.start_mark.line + 1, value, rule, remedy))


def _place(node: yaml.Node, where: Sequence[str | int], *, key: bool = False) -> yaml.Node:
    """The deepest node on the way; words of the way that are in no file (kinds of a union) are passed over.

    Args:
        node: Where the way begins.
        where: Names and numbers.
        key: Of a last name, its own node in place of its value's.
    """
    for step, part in enumerate(where):
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == part), None)
            if pair is not None:
                node = pair[0] if key and step == len(where) - 1 else pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
    return node


def _problem(root: yaml.Node, error: dict[str, Any]) -> Problem:
    where, kind = error["loc"], error["type"]
    line = _place(root, where, key=kind == "extra_forbidden").start_mark.line + 1
    names = [str(part) for index, part in enumerate(where) if not (index == 2 and where[0] == "rules")]  # the third is the kind of rule
    place = ".".join(names) or "the file"
    rule = error["msg"][:1].lower() + error["msg"][1:]
    shown = f"{place} is missing" if kind == "missing" else f"{place}={_shown(error['input'])}"
    named = next((name for name in reversed(names) if not name.isdigit()), "list of rules")
    return Problem(line, shown, rule, _REMEDIES.get(kind, f"pass a valid {named}"))


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

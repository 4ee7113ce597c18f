"""Answers held against JSON schemas: what a model wrote is believed only after this check."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from penchant.core.errors import AnswerError, InputError
from penchant.llm.extra import needed

_SHOWN = 80  # characters of a faulty text that a message quotes
_CHOICE = "choice"


def check_schema(schema: Mapping[str, Any]) -> None:
    """See that ``schema`` is one.

    Raises:
        InputError: It is no JSON schema, or refers to another document: nothing is ever fetched.
    """
    _validator(_text(schema))


def check_answer(text: str, schema: Mapping[str, Any]) -> None:
    """See that ``text`` is JSON that is valid under ``schema``.

    Raises:
        InputError: The schema is none.
        AnswerError: It is not.
    """
    validator = _validator(_text(schema))
    try:
        value = json.loads(text, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()  # halves of characters (lone surrogates) could be written nowhere
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"answer {_short(text)}", f"it is no JSON ({error})", "ask in other words, or another model") from None
    first = next(validator.iter_errors(value), None)
    if first is not None:
        place = "".join(f"[{part!r}]" for part in first.instance_path)
        problem = f"it breaks the schema{f' at {place}' if place else ''} ({_short(first.message)})"
        raise AnswerError(f"answer {_short(text)}", problem, "ask in other words, or another model")


def schema_of_choice(options: Sequence[str]) -> dict[str, Any]:
    """The schema of an object that names one of ``options``, closed to all else."""
    named = {_CHOICE: {"type": "string", "enum": list(options)}}
    return {"type": "object", "properties": named, "required": [_CHOICE], "additionalProperties": False}


def chosen(text: str, options: Sequence[str]) -> int:
    """The place of the option that ``text`` names, which is valid under ``schema_of_choice(options)``."""
    return options.index(json.loads(text)[_CHOICE])


def in_words(schema: Mapping[str, Any]) -> str:
    """The schema as a demand, for models whose server cannot hold them to it."""
    return f"Answer with JSON alone, without any words around it. It must be valid under this JSON schema:\n{_text(schema)}"


def _text(schema: Mapping[str, Any]) -> str:
    try:
        return json.dumps(schema, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"schema {_short(repr(schema))}", f"it is not made of JSON values ({error})", "pass a JSON schema") from None


@lru_cache(maxsize=256)
def _validator(text: str) -> Any:
    try:
        schema = json.loads(text)
        if not isinstance(schema, dict):
            raise ValueError("it is not an object")
        return needed("jsonschema_rs").validator_for(schema, retriever=_nothing_else)
    except ValueError as error:
        reason = getattr(error, "message", str(error))
        raise InputError(
            f"schema {_short(text)}", f"it is no JSON schema ({_short(reason)})", "pass a JSON schema that stands alone"
        ) from None


def _nothing_else(address: str) -> Any:
    raise ValueError(f"{address} is another document")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not in JSON")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"

"""Answers and schemas: what is believed and what is not."""

from __future__ import annotations

import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import AnswerError, InputError
from penchant.llm.schema import check_answer, check_schema, chosen, in_words, schema_of_choice

OBJECT = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.mark.parametrize("schema", [{}, OBJECT, {"enum": [1, None]}, {"$defs": {"a": {"type": "string"}}, "$ref": "#/$defs/a"}])
def test_schemas(schema: dict[str, object]) -> None:
    check_schema(schema)


@pytest.mark.parametrize(
    "schema", [{"type": "nonsense"}, {"properties": 3}, {"$ref": "#/$defs/none"}, {"pattern": "("}, {"enum": [object()]}, [], True, None]
)
def test_what_is_no_schema(schema: object) -> None:
    with pytest.raises(InputError, match="schema") as caught:
        check_schema(schema)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_no_document_is_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        with pytest.raises(InputError, match="no JSON schema"):
            check_schema({"$ref": f"http://127.0.0.1:{server.getsockname()[1]}/schema"})
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("red", "no JSON"),
        ('{"n": 1} ', None),
        ('{"n": 1} and so on', "no JSON"),
        ('{"n": NaN}', "NaN is not in JSON"),
        ('{"n": "1"}', r"at \['n'\]"),
        ("{}", '"n" is a required property'),
        ("[" * 100_000, "no JSON"),
        ('{"n": ' + "9" * 5_000 + "}", "no JSON"),
    ],
)
def test_answers(text: str, words: str | None) -> None:
    if words is None:
        check_answer(text, OBJECT)
        return
    with pytest.raises(AnswerError, match=words) as caught:
        check_answer(text, OBJECT)
    assert len(str(caught.value)) < 400


@given(st.lists(st.text(min_size=1), min_size=1, unique=True), st.data())
def test_every_option_is_found_again(options: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(options) - 1))
    text = json.dumps({"choice": options[place]})
    check_answer(text, schema_of_choice(options))
    assert chosen(text, options) == place


def test_in_words() -> None:
    assert json.dumps(OBJECT) in in_words(OBJECT)

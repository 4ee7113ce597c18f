"""The service against everything its own description allows and forbids."""

from __future__ import annotations

import itertools

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import BaseSchema, Case
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from starlette.testclient import TestClient

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
QUICK = settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))


ROUTES = [
    ("POST", "/v1/recommend"),
    ("POST", "/v1/search"),
    ("POST", "/v1/events"),
    ("GET", "/v1/trending"),
    ("GET", "/v1/users"),
    ("GET", "/v1/users/{user_id}"),
    ("POST", "/v1/users/{user_id}/steering"),
    ("DELETE", "/v1/users/{user_id}/steering"),
    ("GET", "/v1/rules"),
    ("GET", "/v1/stock"),
    ("POST", "/v1/stock"),
    ("GET", "/v1/users/{user_id}/portrait"),
    ("DELETE", "/v1/users/{user_id}"),
    ("GET", "/v1/users/{user_id}/export"),
    ("POST", "/v1/users/{user_id}/consent"),
    ("GET", "/v1/receipts/{receipt_id}"),
    ("GET", "/v1/items/{item_id}"),
    ("GET", "/v1/codes"),
    ("GET", "/v1/beam"),
    ("GET", "/v1/report"),
    ("GET", "/v1/report/figures/{name}"),
    ("GET", "/v1/health"),
    ("GET", "/v1/live"),
    ("GET", "/v1/ready"),
    ("GET", "/v1/releases"),
    ("POST", "/v1/releases/rollback"),
    ("POST", "/v1/releases/promote"),
    ("GET", "/v1/operations"),
    ("GET", "/v1/experiments"),
    ("POST", "/v1/experiments"),
    ("GET", "/v1/experiments/{name}"),
    ("DELETE", "/v1/experiments/{name}"),
    ("GET", "/v1/answers/{request_id}"),
    ("POST", "/v1/answers/{request_id}/replay"),
    ("GET", "/v1/reviews"),
    ("POST", "/v1/reviews"),
    ("GET", "/v1/reviews/{user_id}"),
    ("POST", "/v1/reviews/{user_id}"),
    ("GET", "/v1/reviewed"),
]


@pytest.fixture(scope="module")
def described(shared: TestClient) -> BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", shared.app)


def test_the_description_names_every_route(described: BaseSchema) -> None:
    found = [operation.ok() for operation in described.get_all_operations()]
    assert sorted((one.method.upper(), one.path) for one in found) == sorted(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("mode", GenerationMode)
def test_nothing_that_is_sent_breaks_the_service(described: BaseSchema, method: str, path: str, mode: GenerationMode) -> None:
    operation = described[path][method]
    if mode.is_negative and not (operation.body or operation.query or operation.path_parameters):
        return  # there is nothing in it that could be wrong

    @QUICK
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Case) -> None:
        answer = case.call_and_validate(checks=CHECKS)
        if answer.status_code >= 400:
            assert list(answer.json()["error"]) == ["value", "rule", "remedy"]

    check()


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    address=st.sampled_from(["/v1/recommend", "/v1/search", "/v1/events"]),
    body=st.one_of(
        st.binary(max_size=200),
        st.text(max_size=100).map(lambda text: f'{{"query": "{text}", "k": 3}}'.encode("utf-8", "surrogatepass")),
        st.text(max_size=100).map(lambda text: f'{{"user_id": "{text}"}}'.encode("utf-8", "surrogatepass")),
    ),
)
def test_no_bytes_break_the_service(shared: TestClient, address: str, body: bytes) -> None:
    answer = shared.post(address, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {200, 202, 404, 422}


@settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.text(min_size=1, max_size=60))
def test_any_text_can_be_searched(shared: TestClient, query: str) -> None:
    answer = shared.post("/v1/search", json={"query": query, "k": 5})
    assert answer.status_code == 200 or (answer.status_code == 422 and not any(letter.isalnum() for letter in query))


_people = itertools.count()
_doings = st.lists(st.tuples(st.sampled_from(["view", "like", "dislike", "hide", "undo"]), st.integers(1, 60)), min_size=1, max_size=12)


@settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(doings=_doings, model=st.sampled_from([None, "tandem", "ease", "sasrec"]))
def test_whatever_a_user_does_the_lists_obey(shared: TestClient, doings: list[tuple[str, int]], model: str | None) -> None:
    user = f"somebody {next(_people)}"
    events = [{"user_id": user, "item_id": f"i{item}", "event": event} for event, item in doings]
    assert shared.post("/v1/events", json={"events": events}).json()["accepted"] == len(events)
    past = shared.get(f"/v1/users/{user}").json()
    answer = shared.post("/v1/recommend", json={"user_id": user, "k": 60, "model": model}).json()
    listed = {item["item_id"] for item in answer["items"]}
    seen = {did["item_id"] for did in past["history"]}
    assert not listed & (seen | set(past["hidden"]))
    assert not seen & set(past["hidden"])
    assert set(past["liked"]) <= seen
    assert answer["history_length"] == past["events"] == len(past["history"])
    passed_along = shared.post(
        "/v1/recommend", json={"events": [{"item_id": one["item_id"], "event": one["event"]} for one in events], "k": 60}
    ).json()
    assert not {item["item_id"] for item in passed_along["items"]} & (seen | set(past["hidden"]))

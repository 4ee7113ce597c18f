"""Errors as HTTP answers: every one has the shape {"error": {"value", "rule", "remedy"}}."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from penchant.core.errors import InputError, PenchantError, UnknownIdError
from penchant.serve.answers import ErrorAnswer

#: For routes: what they may answer besides what they promise.
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorAnswer, "description": "This server asks for a key, and there is no valid one."},
    403: {"model": ErrorAnswer, "description": "The key has too small a scope."},
    404: {"model": ErrorAnswer, "description": "There is nothing by this id or address."},
    413: {"model": ErrorAnswer, "description": "The body is too large."},
    422: {"model": ErrorAnswer, "description": "A value breaks a rule."},
    429: {"model": ErrorAnswer, "description": "Too many requests; `retry-after` says when to come back."},
    503: {"model": ErrorAnswer, "description": "The event log or the disk is not available, or too many requests are under way."},
}
_SHOWN = 80  # characters of a value that are given back
_REMEDIES = {  # by the type of a validation error; {limits} are those of the field
    "blank": "type a word",
    "extra_forbidden": "leave it out",
    "json_invalid": "send one well-formed JSON object in UTF-8",
    "literal_error": "pass one of these",
    "greater_than_equal": "pass at least {ge}",
    "less_than_equal": "pass at most {le}",
    "string_too_short": "pass at least {min_length} characters",
    "string_too_long": "pass at most {max_length} characters",
    "too_short": "pass at least {min_length}",
    "too_long": "pass at most {max_length}",
    "int_type": "pass a whole number",
    "string_type": "pass text",
    "finite_number": "pass a finite number",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may answer so."""
    return {status: REFUSALS[status] for status in statuses}


def refuse(status: int, value: str, rule: str, remedy: str, headers: dict[str, str] | None = None) -> Response:
    """An error answer. ASCII only, so that whatever was sent can be given back."""
    body = json.dumps({"error": {"value": value, "rule": rule, "remedy": remedy}}).encode("ascii")
    return Response(body, status, headers, "application/json")


def strict_json(body: bytes) -> Any:
    """The JSON value of ``body``.

    Raises:
        json.JSONDecodeError: It is not JSON, holds NaN or infinity, a lone surrogate or a number of too many digits, is
            not in UTF-8, or is nested too deeply.
    """
    try:
        return from_json(body, allow_inf_nan=False, cache_strings="none")
    except ValueError as error:
        raise json.JSONDecodeError(str(error), "", 0) from None


def add_handlers(app: FastAPI) -> None:
    """Give ``app`` this one shape of errors."""
    app.add_exception_handler(PenchantError, _penchant)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def status_of(error: PenchantError) -> int:
    """404 for an unknown id, 422 for another broken rule, 503 for what is not the caller's doing."""
    if isinstance(error, UnknownIdError):
        return HTTPStatus.NOT_FOUND
    return HTTPStatus.UNPROCESSABLE_ENTITY if isinstance(error, InputError) else HTTPStatus.SERVICE_UNAVAILABLE


async def _penchant(request: Request, error: Exception) -> Response:
    assert isinstance(error, PenchantError)
    status = status_of(error)
    headers = {"retry-after": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return refuse(status, error.value, error.rule, error.remedy, headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first, *others = error.errors()
    where, *inside = first["loc"]
    place = ".".join(_shown(part).strip("'") for part in inside if not str(part).startswith("<")) or str(where)
    value, rule = f"{place}={_shown(first.get('input'))}", first["msg"][:1].lower() + first["msg"][1:]
    remedy = _REMEDIES.get(first["type"], f"pass a valid {place}").format(**first.get("ctx", {}))
    if first["type"] == "json_invalid":
        value, rule = "body", f"it is not JSON ({first['ctx']['error']})"
    elif first["type"] == "missing":
        value, rule, remedy = f"{place} is missing", "it is required", f"pass {place}"
    if where == "body" and not inside:
        remedy = "send a JSON object with content-type: application/json"
    if others:
        remedy += f" ({len(others)} more like this)"
    return refuse(HTTPStatus.UNPROCESSABLE_ENTITY, value, rule, remedy)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    asked = f"{request.method} {_shown(request.scope['path'])}"
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND:
        return refuse(404, asked, "there is nothing at this address", "see /openapi.json for what there is", headers)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return refuse(405, asked, "this address does not take that method", f"use {headers.get('Allow', 'another one')}", headers)
    return refuse(error.status_code, asked, str(error.detail), "see /openapi.json", headers)


def _shown(value: Any) -> str:
    """A value, short enough to read."""
    text = ascii(value[: _SHOWN * 2] if isinstance(value, str | bytes | list) else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

"""What the service answers to whoever runs it: how it does, and which releases there are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from penchant.serve.answer import Answer


class ReleaseShort(Answer):
    """A release on the shelf."""

    name: str
    id: str
    created: str
    dataset: str
    version: str = Field(description="Of Penchant, that made it.")
    live: bool


class Moved(Answer):
    """One change of the live release."""

    at: str
    before: str | None
    after: str
    way: Literal["promoted", "rolled back"]
    why: str
    passed: bool | None = Field(description="Whether it passed the checks; null where none were asked for.")


class ReleasesOut(Answer):
    """What may be served, and what is. `served` is another than the live one for as long as that is loaded."""

    served: str
    loading: str | None = Field(description="The release that is being loaded.")
    refused: str | None = Field(description="The release that was made live and cannot be served, and why.")
    releases: list[ReleaseShort] = Field(description="The oldest first.")
    moves: list[Moved] = Field(description="The oldest first.")


class Milliseconds(Answer):
    """Times of requests, to within 1%."""

    median: float
    p95: float
    p99: float


class Traffic(Answer):
    """Requests of the last minute."""

    requests_per_second: float
    refused_per_second: float = Field(description="Answered with a status from 400 to 499.")
    failed_per_second: float = Field(description="From 500 on.")
    milliseconds: Milliseconds | None = Field(description="Null where there were no requests.")


class RouteTraffic(Traffic):
    """Those of one route."""

    route: str


class Beat(Traffic):
    """Those of a few seconds that are over."""

    ago_seconds: float = Field(description="Since their end.")


class TrafficOut(Answer):
    """What was asked of this process. `total` and `beats` leave out who watches over it: probes, metrics, this page."""

    window_seconds: float = Field(description="That `total` and `routes` span; less than a minute only after the start.")
    total: Traffic
    routes: list[RouteTraffic] = Field(description="Those that were asked, the most first; those who watch last.")
    beat_seconds: float
    beats: list[Beat] = Field(description="The oldest first.")
    running: int = Field(description="Requests under way.")
    shed: int = Field(description="Refused since the start, as too many were under way.")


class Lag(Answer):
    """How far a worker has come in a partition."""

    partition: int
    read_to: int = Field(description="The next offset that is read.")
    end: int = Field(description="The offset that the next event will get.")
    lag: int = Field(description="Records that are not read yet.")


class Counted(Answer):
    """How often something came."""

    name: str
    count: int
    share: float = Field(description="Of all of them, 0..1.")


class NearLineOut(Answer):
    """Who follows the event log."""

    here: bool = Field(description="Whether this process does; else workers elsewhere.")
    lags: list[Lag] | None = Field(description="Null where log or store cannot be read.")
    newest_age_seconds: float | None = Field(description="Of the newest event that this process followed; null: none yet.")
    refusals: int = Field(description="Times that log or store refused this process since the start.")
    dead_letters: list[Counted] | None = Field(
        description="Records set aside in the last 30 days by the reason, the most first; at most 1000 are looked at. Null where unread."
    )


class ListsOut(Answer):
    """How lists were made since the start."""

    lists: int
    rungs: list[Counted] = Field(description="Ways to make a list, the most frequent first.")
    missing: list[Counted] = Field(description="Parts that were left out of some answer; shares are of all lists.")


class StoredOut(Answer):
    """Stored vectors of users, since the start."""

    waiting: int | None = Field(description="Users whose vectors are to be made anew; null where the store could not tell.")
    dropped: int = Field(description="Users who could not wait, as too many did.")
    reads: list[Counted] = Field(description="By what a list found.")
    refreshes: list[Counted] = Field(description="Vectors made anew, by what came of it.")


class Serving(Answer):
    """A release that answers."""

    name: str = Field(description="Of its folder.")
    id: str
    created: str
    dataset: str


class OperationsOut(Answer):
    """How this process does."""

    version: str
    uptime_seconds: float
    release: Serving
    shelf: bool = Field(description="Whether it is served from a shelf, so that `/v1/releases` answers.")
    events: list[Counted] = Field(description="Sent to the log since the start, by what became of them.")
    traffic: TrafficOut
    near_line: NearLineOut | None = Field(description="Null where nobody follows the log.")
    lists: ListsOut
    vectors: StoredOut

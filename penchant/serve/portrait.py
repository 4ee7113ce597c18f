"""What is known of a user, layer by layer: the release, what the worker has found since, and the stored vector."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np

from penchant.core.errors import ArtifactError, StorageError
from penchant.serve.answers import Interest, KnownLayer, PortraitOut, PortraitVector, RecentItem
from penchant.serve.near_line import shares
from penchant.serve.service import Service
from penchant.serve.state import Person
from penchant.serve.user_vectors import Read

_NEWEST = 200  # events of the release that its interests are read from
_NAMED = 10  # interests told
_SHOWN = 10  # recent items
_TOLD = 2  # interests of a layer in the sentence


def portrait(service: Service, user_id: str) -> PortraitOut:
    """A user as of now. Parts that cannot be read are named among the missing ones."""
    missing: list[str] = []
    try:
        person = service.state.person(user_id)
    except (StorageError, ArtifactError):
        person = service.state.as_released(user_id)
        missing.append("live events")
    offline, near_line, read = _offline(service, person), _near_line(service, user_id, missing), _vector(service, user_id, missing)
    weights = {"offline": float(offline.events > 0), "vector": 0.0}
    if service.by_vector is not None:
        weights = dict(zip(weights, service.by_vector.weights(int(person.history.users[0]), read), strict=True))
    return PortraitOut(
        user_id=user_id,
        known=person.known,
        text=_text(offline, near_line),
        release=service.release.id,
        created=service.release.created,
        offline=offline,
        near_line=near_line,
        vector=None if read is None else _told(service, read),
        weights=weights,
        recent=_recent(service, person, missing),
        liked=service.cards.ids(person.liked),
        hidden=service.cards.ids(person.hidden),
        missing=missing,
    )


def _offline(service: Service, person: Person) -> KnownLayer:
    past = person.past.take(~person.past.live)
    counts = Counter(name for card in service.cards.of(past.items[-_NEWEST:]) for name in card["categories"])
    interests = [Interest(name=name, share=count / counts.total()) for name, count in counts.most_common(_NAMED)]
    newest = int(past.times.max(initial=-1))
    return KnownLayer(events=len(past), newest=newest if newest >= 0 else None, interests=interests)


def _near_line(service: Service, user_id: str, missing: list[str]) -> KnownLayer | None:
    if service.near_line is None:
        return None
    try:
        state = service.near_line.state(user_id)
    except (StorageError, ArtifactError):
        missing.append("near-line")
        return None
    interests = [Interest(name=name, share=share) for name, share in shares(state)[:_NAMED]]
    return KnownLayer(events=state.total, newest=max((did.time for did in state.recent), default=None), interests=interests)


def _vector(service: Service, user_id: str, missing: list[str]) -> Read | None:
    if service.by_vector is None:
        return None
    try:
        return service.by_vector.vectors.look([user_id])[0]
    except StorageError:
        missing.append("vector")
        return None


def _recent(service: Service, person: Person, missing: list[str]) -> list[RecentItem]:
    cards = service.cards.of(person.past.items[-_SHOWN:][::-1])
    heads = None
    if service.near_line is not None:
        try:
            heads = service.near_line.tiers.current().heads
        except StorageError:
            missing.append("tiers")
    return [RecentItem(**card, live_tier=None if heads is None else "head" if card["item_id"] in heads else "tail") for card in cards]


def _told(service: Service, read: Read) -> PortraitVector:
    one = read.vector
    return PortraitVector(
        release=service.release.id,
        values=one.values.tolist(),
        norm=float(np.linalg.norm(one.values)),
        events=one.events,
        newest=one.newest if one.newest >= 0 else None,
        made=one.made,
        age_seconds=max(time.time() - one.made, 0.0),
        fresh=read.fresh,
    )


def _text(offline: KnownLayer, near_line: KnownLayer | None) -> str:
    """One sentence."""
    parts = [f"{_events(offline.events)} as of the release{_mostly(offline)}"]
    if near_line is not None:
        parts.append(f"{_events(near_line.events)} since{_mostly(near_line)}")
    return "; ".join(parts) + "."


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"


def _mostly(layer: KnownLayer) -> str:
    named = " and ".join(f"{one.name} ({one.share:.0%})" for one in layer.interests[:_TOLD])
    return f", mostly {named}" if named else ""

"""A user's portrait as it is served: made of the events of this moment, with what is kept beside it, and what each source knows."""

from __future__ import annotations

import time
from collections.abc import Container, Sequence

import numpy as np

from penchant.core.errors import ArtifactError, StorageError
from penchant.serve.answers import Cause, Interest
from penchant.serve.cards import Cards
from penchant.serve.near_line import shares
from penchant.serve.portraits.answers import (
    BranchOut,
    ChangeOut,
    DueOut,
    InterestOut,
    KeptOut,
    KnownLayer,
    LayersOut,
    PortraitOut,
    PortraitVector,
    ProseOut,
    RecentItem,
)
from penchant.serve.portraits.intents import intents_out
from penchant.serve.portraits.kept import Found
from penchant.serve.service import Service
from penchant.serve.state import Person
from penchant.serve.user_vectors import Read
from penchant.users.categories import CategoryTree
from penchant.users.decay import DAY
from penchant.users.interest_tree import Branch, tree_of
from penchant.users.portrait import Interest as Told
from penchant.users.portrait import Portrait
from penchant.users.portrait_changes import Change
from penchant.users.stored_portrait import EVENTS, digest
from penchant.users.told_intents import below, without

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
    made = service.portraits_by()
    found = _kept(service, person, missing)
    left_out = [] if found is None else found.left_out
    whole = made.of(person.history)
    now = whole.without(left_out)
    released = made.of(person.history.where(~person.past.live)).without(left_out) if person.past.live.any() else now
    offline, near_line = _offline(released), _near_line(service, user_id, missing, names_below(made.tree, left_out))
    read = _vector(service, user_id, missing)
    weights = {"offline": float(offline.events > 0), "vector": 0.0}
    if service.by_vector is not None:
        weights = dict(zip(weights, service.by_vector.weights(int(person.history.users[0]), read), strict=True))
    kept = None if found is None else found.portrait
    this = digest(whole.plain(service.release.space.catalog.items.ids))
    prose = served_prose(now, this, found)
    return PortraitOut(
        user_id=user_id,
        known=person.known,
        text=_text(offline, near_line),
        release=service.release.id,
        created=service.release.created,
        offline=offline,
        near_line=near_line,
        events=now.events,
        newest=now.newest,
        layers=layers_out(now, service.cards),
        intents=intents_out(without(service.intents_by().of(person.history), left_out), service.cards),
        tree=_branch(tree_of(now.long), service.cards),
        prose=prose,
        written=_written(this, found) if prose.by != "model" else None,
        left_out=left_out,
        changes=[] if kept is None else [change_out(one) for one in reversed(kept.changes) if not below(one.path, left_out)],
        kept=None
        if found is None or kept is None
        else KeptOut(release=kept.release, made=kept.made, events=kept.events, fresh=found.fresh),
        review=None if found is None or found.waiting is None else found.waiting.why,
        vector=None if read is None else _told(service, read),
        weights=weights,
        recent=_recent(service, person, missing),
        liked=service.cards.ids(person.liked),
        hidden=service.cards.ids(person.hidden),
        missing=missing,
    )


def served_prose(now: Portrait, this: str, found: Found | None) -> ProseOut:
    """The words that are served: a person's, else a model's where they are of this portrait and neither refused nor held, else the events'.

    Args:
        now: The portrait, without what was left out.
        this: What tells the whole portrait from others, see ``digest``.
        found: What is kept; None where nobody keeps anything.
    """
    words = None if found is None else found.words
    if words is not None and words.text is not None:
        return ProseOut(text=words.text, author=words.reviewer, by="person", made=words.time, current=words.events == now.events)
    written = _written(this, found)
    held = found is not None and found.waiting is not None and found.waiting.holds
    return (
        written
        if written is not None and written.current and not held
        else ProseOut(text=now.prose(), author=EVENTS, by="events", made=None, current=True)
    )


def names_below(tree: CategoryTree, left_out: Sequence[Sequence[str]]) -> set[str]:
    """Names of interests that are not served, and of all below them, for what knows categories by their names alone."""
    paths, below = {tuple(path) for path in left_out}, np.zeros(len(tree) + 1, bool)
    if paths:
        for category in range(1, len(tree) + 1):  # parents come first
            below[category] = below[tree.parents[category]] or tree.path(category) in paths
    return {path[-1] for path in paths} | {tree.names[category] for category in np.flatnonzero(below).tolist()}


def layers_out(portrait: Portrait, cards: Cards) -> LayersOut:
    """As they are told, with titles."""
    due = [
        DueOut(
            path=list(one.path),
            days=one.days,
            at=None if portrait.newest is None else portrait.newest + round(one.days * DAY),
            chance=one.chance,
            evidence=_causes(one.evidence, cards),
        )
        for one in portrait.due
    ]
    layers = {name: interests_out(getattr(portrait, name), cards) for name in ("short", "long", "potential", "rare")}
    return LayersOut(**layers, due=due)


def interests_out(interests: Sequence[Told], cards: Cards) -> list[InterestOut]:
    """As they are told, with titles."""
    return [InterestOut(path=list(one.path), weight=one.weight, evidence=_causes(one.evidence, cards)) for one in interests]


def change_out(one: Change) -> ChangeOut:
    """As it is told."""
    return ChangeOut(time=one.time, layer=one.layer, path=list(one.path), kind=one.kind, before=one.before, after=one.after)


def _kept(service: Service, person: Person, missing: list[str]) -> Found | None:
    """What is stored; what is missing or stale is asked for."""
    if service.portraits is None or person.user_id is None:
        return None
    try:
        (found,) = service.portraits.look([person.user_id])
    except StorageError:
        missing.append("stored portrait")
        return None
    if not found.fresh and (found.portrait is not None or found.place or (person.personalised and person.history.num_events)):
        service.portraits.ask([person.user_id])
    return found


def _written(this: str, found: Found | None) -> ProseOut | None:
    """What a model wrote, unless a reviewer refused it, or took out interests that it may speak of."""
    written = None if found is None or found.portrait is None else found.portrait.written
    words = None if found is None else found.words
    if written is None or (words is not None and (words.refused == written.text or words.left_out)):
        return None
    return ProseOut(text=written.text, author=written.author, by="model", made=written.made, current=written.of == this)


def _branch(branch: Branch, cards: Cards) -> BranchOut:
    return BranchOut(
        path=list(branch.path),
        weight=branch.weight,
        rest=branch.rest,
        evidence=_causes(branch.evidence, cards),
        children=[_branch(child, cards) for child in branch.children],
    )


def _causes(items: Sequence[int], cards: Cards) -> list[Cause]:
    return [Cause(item_id=card["item_id"], title=card["title"]) for card in cards.of(items)]


def _offline(released: Portrait) -> KnownLayer:
    """The portrait of what the release knows of the user, without what came since."""
    interests = [Interest(name=one.path[-1], share=one.weight) for one in released.long[:_NAMED]]
    return KnownLayer(events=released.events, newest=released.newest, interests=interests)


def _near_line(service: Service, user_id: str, missing: list[str], gone: Container[str]) -> KnownLayer | None:
    if service.near_line is None:
        return None
    try:
        state = service.near_line.state(user_id)
    except (StorageError, ArtifactError):
        missing.append("near-line")
        return None
    told = [one for one in shares(state) if one[0] not in gone][:_NAMED]
    interests = [Interest(name=name, share=share) for name, share in told]
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

"""The kinds of rules, and all rules of a service together."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, model_validator

from penchant.pipeline.rules.terms import Audience, Did, Moment, Number, Range, Text, Where, Written, broken

Strength = Annotated[Number, Field(gt=0, le=100)]


class Rule(Written):
    """What every rule may say.

    Attributes:
        name: For people.
        starts: The first moment at which it holds; None: it always did.
        ends: The first moment at which it does not hold any more; None: it always will.
        audience: For whom it holds; None: for everybody.
    """

    name: Text | None = None
    starts: Moment | None = None
    ends: Moment | None = None
    audience: Audience | None = None

    @model_validator(mode="after")
    def _window(self) -> Self:
        if self.starts is not None and self.ends is not None and self.starts >= self.ends:
            raise broken("it starts before it ends")
        return self


class Exclude(Rule):
    """Items that are not shown: of ``where``, or those that the person ``did`` something with; given both, those of which both holds."""

    rule: Literal["exclude"] = "exclude"
    where: Where | None = None
    did: Did | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.where is None and self.did is None:
            raise broken("it says which items: give where, did or both")
        return self


class Boost(Rule):
    """Scores of the items of ``where`` are multiplied.

    Attributes:
        strength: The factor; below 1 the items fall.
        inject: So many of the items are candidates though no generator named them, where the strength is above 1: those
            nearest to what the person did, or the most popular ones.
        label: Stands at each of the items in the answer.
    """

    rule: Literal["boost"] = "boost"
    where: Where
    strength: Strength
    inject: Annotated[int, Field(ge=0, le=200)] = 10
    label: Text | None = None


class Freshness(Rule):
    """Scores are multiplied by 1 + (strength - 1) / 2^(age / half-life), by the catalogue's ``created``; without it by 1."""

    rule: Literal["freshness"] = "freshness"
    strength: Annotated[Number, Field(gt=1, le=100)]
    half_life_days: Annotated[Number, Field(gt=0, le=36_500)]


class Diversity(Rule):
    """Neither much of the same: the first ``pool`` candidates are put in an order that weighs score against likeness.

    Attributes:
        method: ``mmr`` (the most alike of those above counts) or ``dpp`` (all of them together do).
        weight: Of being different, 0..1.
    """

    rule: Literal["diversity"] = "diversity"
    method: Literal["mmr", "dpp"] = "dpp"
    weight: Annotated[Number, Field(ge=0, le=1)] = 0.3
    pool: Annotated[int, Field(ge=2, le=300)] = 100


class Spacing(Rule):
    """Within any ``window`` neighbouring places, at most ``most`` items share a key. A wish: when nothing else is left, the list goes on.

    Attributes:
        by: ``brand``, ``category`` (the first), ``domain``, ``brand or category`` (the first category where an item has no
            brand), or a further column of the catalogue. Items without one are not counted.
    """

    rule: Literal["spacing"] = "spacing"
    by: Text = "brand or category"
    window: Annotated[int, Field(ge=1)] = 4
    most: Annotated[int, Field(ge=1)] = 2


class Quota(Rule):
    """How many places of a list.

    Attributes:
        where: Items that are counted together.
        by: Or: items that are counted by this key, see ``Spacing``.
        most: At most so many, of each key; the list is rather shorter.
        least: At least so many, as far as there are any and rules above leave room. Not with ``by``.
    """

    rule: Literal["quota"] = "quota"
    where: Where | None = None
    by: Text | None = None
    most: Annotated[int, Field(ge=0)] | None = None
    least: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _counts(self) -> Self:
        if (self.where is None) == (self.by is None):
            raise broken("it counts the items of where, or each key of by: give one of the two")
        if self.most is None and self.least is None:
            raise broken("it says how many: give most, least or both")
        if self.by is not None and self.least is not None:
            raise broken("least is for the items of where: give most, or where in place of by")
        if self.most is not None and self.least is not None and self.least > self.most:
            raise broken("least is at most most")
        return self


class Explore(Rule):
    """Some places go by chance to items of which little is known, with logged propensities.

    Attributes:
        method: ``uniform`` (epsilon-greedy: each is as likely) or ``thompson`` (as likely as it is the best, by what is known).
        chance: That a place is given away, 0..1.
        where: Items that may get it.
        keep_first: First places that are never given away.
        most: Places of a list that may be given away; None: any number.
        pool: Items among which is drawn, at most: those the generators named, then those nearest to the history.
        prior: Successes and failures that are assumed of every item beforehand, for ``thompson``.
        label: Stands at an item that was drawn.
    """

    rule: Literal["explore"] = "explore"
    method: Literal["uniform", "thompson"] = "uniform"
    chance: Annotated[Number, Field(ge=0, le=1)]
    where: Where = Where(events=Range(most=4))
    keep_first: Annotated[int, Field(ge=0)] = 0
    most: Annotated[int, Field(ge=0)] | None = None
    pool: Annotated[int, Field(ge=1, le=200)] = 50
    prior: Annotated[tuple[Strength, Strength], Field(strict=False)] = (1.0, 9.0)
    label: Text | None = "explored"


AnyRule = Annotated[Exclude | Boost | Freshness | Diversity | Spacing | Quota | Explore, Discriminator("rule")]


class Rules(Written):
    """All rules, in the order of the file. Of diversity and of exploration the first one that holds is applied."""

    rules: Annotated[tuple[AnyRule, ...], Field(strict=False, max_length=1_000)]

    def plain(self) -> dict[str, Any]:
        """As JSON values, without what is the default."""
        return {"rules": [{"rule": one.rule, **one.model_dump(mode="json", exclude_defaults=True)} for one in self.rules]}

    @cached_property
    def text(self) -> str:
        """As JSON, with all that is the default."""
        return self.model_dump_json()

    @cached_property
    def version(self) -> str:
        """Hash of what they say; layout and comments of the file change nothing."""
        told = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:12]

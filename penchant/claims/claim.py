"""What a recipe says of itself: its paper, and claims that anybody can run.

CLAIMS = [
    Claim(
        name="sasrec-ce-beats-bce",
        says="SASRec trained with cross-entropy over the catalogue ranks better than with one binary negative.",
        subject=Arm("cross-entropy", "sasrec"),
        rivals=[Arm("binary", "sasrec", {"objective": "binary"})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=Budget(steps=4000),
    )
]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penchant.core.errors import require
from penchant.data.dataset import Dataset
from penchant.data.popularity import TIERS
from penchant.data.splits import Split, cold_items, global_temporal, leave_one_out, per_user_temporal
from penchant.evaluate.metrics import METRICS
from penchant.evaluate.protocol import KS, Seen

#: What a budget decides, and an arm therefore may not.
AMOUNTS = ("epochs", "steps", "seconds", "patience", "trials", "seed")
#: What claims about ranked lists have a value of each.
LISTS = "users"
#: Parts of the evaluated users that a claim may speak of; see ``penchant.evaluate.slices``.
SLICES = ("all", *TIERS, "short", "middle", "long")
#: How a data set is cut.
SPLITS: Mapping[str, Callable[[Dataset], Split]] = {
    "leave-one-out": leave_one_out,
    "global-temporal": global_temporal,
    "per-user-temporal": per_user_temporal,
    "cold-items": cold_items,
}


@dataclass(frozen=True)
class Paper:
    """Where a system comes from.

    Attributes:
        system: Its usual name.
        title: Of the paper.
        source: Who published it, where and when, as in ``"UCSD, ICDM 2018"``.
        link: An address or an identifier such as ``"arXiv:1808.09781"``.
    """

    system: str
    title: str
    source: str
    link: str

    @property
    def url(self) -> str:
        """An address that a browser opens; empty for an identifier without one."""
        kind, _, rest = self.link.partition(":")
        known = {"arXiv": f"https://arxiv.org/abs/{rest}", "doi": f"https://doi.org/{rest}", "https": self.link, "http": self.link}
        return known.get(kind, "")


@dataclass(frozen=True)
class Budget:
    """How much every arm of a claim may train: the same for all. Exactly one of these is given.

    Attributes:
        steps: Optimiser steps; every trained arm takes exactly so many.
        seconds: Training time, validation not counted.
        trials: Tuning trials: every arm runs with settings that so many trials chose on validation, until it stalls.
    """

    steps: int | None = None
    seconds: float | None = None
    trials: int | None = None

    def __post_init__(self) -> None:
        given = {name: value for name, value in vars(self).items() if value is not None}
        require(
            len(given) == 1 and min(given.values(), default=0) > 0,
            f"budget={given}",
            "a budget is one positive number of steps, of seconds or of tuning trials",
            "pass for example Budget(steps=2000)",
        )

    def __str__(self) -> str:
        if self.steps is not None:
            return f"{self.steps:,} training steps an arm"
        return f"{self.seconds:g} s of training an arm" if self.seconds is not None else f"{self.trials} tuning trials an arm"


@dataclass(frozen=True)
class Arm:
    """A recipe with arguments.

    Attributes:
        name: Within its claim.
        recipe: File name of the recipe, without ``.py``.
        settings: Arguments of its ``build``, over the recipe's defaults and what tuning chose for the data set.
    """

    name: str
    recipe: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """Subject beats every rival and every control by more than ``margin``, under one protocol.

    Attributes:
        name: Lower-case words joined by hyphens; names the record.
        says: One sentence that the run holds true or not.
        subject: The arm that is said to be better.
        rivals: What it is said to beat.
        controls: Arms that lack what the claim says matters (shuffled times, random neighbours); beaten for the same reason.
        dataset: Name that ``penchant.data.sources.load`` takes.
        metric: For example ``"ndcg@10"``; higher is better, or lower where ``lower`` is true. What recipes that make no lists are
            measured by has names of their own, see ``penchant.claims.discover.Recipe.measure``.
        lower: Whether less is better.
        margin: Share of the other arm's value by which the subject has to be ahead; negative: may be behind.
        slice: Users that are looked at.
        split: One of ``SPLITS``.
        seen: What happens with items the user already had.
        budget: The same for all arms.
        seeds: Of training; each arm is trained once a seed.
        shown: Further metrics for the record.
        note: What a reader must know, for example which data stand in for the paper's.
        rows: What the metric is a mean of: users, whose lists are judged, or what the recipes' ``measure`` has a value of each.
    """

    name: str
    says: str
    subject: Arm
    rivals: Sequence[Arm]
    dataset: str
    metric: str
    budget: Budget
    controls: Sequence[Arm] = ()
    lower: bool = False
    margin: float = 0.0
    slice: str = "all"
    split: str = "leave-one-out"
    seen: Seen = Seen.REMOVED
    seeds: Sequence[int] = (0, 1, 2)
    shown: Sequence[str] = ("recall@10", "ndcg@10", "recall@20", "ndcg@20")
    note: str = ""
    rows: str = LISTS

    def __post_init__(self) -> None:
        def check(right: bool, value: str, rule: str, remedy: str) -> None:
            require(right, f"claim {self.name!r}, {value}", rule, remedy)

        check(bool(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name)), "name", "lower-case words joined by hyphens", "rename it")
        check(len(self.rivals) > 0, "rivals=[]", "a claim compares: it needs at least one rival", "name an arm to beat")
        names = [arm.name for arm in self.arms]
        check(len(set(names)) == len(names), f"arms {names}", "arms have different names", "rename one")
        if self.rows == LISTS:
            for metric in (self.metric, *self.shown):
                check(known_metric(metric), f"metric={metric!r}", f"it is not measured: {known_metrics()}", "use one of those")
        else:
            check(self.slice == "all", f"slice={self.slice!r}", "slices are of users", "leave it out, or measure what is meant")
        check(self.slice in SLICES, f"slice={self.slice!r}", f"slices are {', '.join(SLICES)}", "use one of those")
        check(self.split in SPLITS, f"split={self.split!r}", f"splits are {', '.join(SPLITS)}", "use one of those")
        check(len(self.seeds) > 0, "seeds=()", "an arm is trained at least once", "pass for example seeds=(0, 1, 2)")
        for arm in self.arms:
            decided = sorted(set(arm.settings) & set(AMOUNTS))
            check(
                not decided,
                f"arm {arm.name!r} sets {', '.join(decided)}",
                f"all arms have the same budget ({self.budget}) and the same seeds",
                "leave it out of the arm",
            )

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Subject, rivals, controls."""
        return (self.subject, *self.rivals, *self.controls)

    def role(self, arm: Arm) -> str:
        """What one of its arms is here: ``"subject"``, ``"rival"`` or ``"control"``."""
        return "subject" if arm is self.subject else "rival" if arm in self.rivals else "control"


def known_metrics() -> str:
    """For messages: the metrics and cut-offs."""
    return f"{', '.join(METRICS)}, each @{', @'.join(map(str, KS))}"


def known_metric(name: str) -> bool:
    """Whether ``name`` is a metric of rows, such as ``"ndcg@10"``."""
    metric, _, cutoff = name.partition("@")
    return metric in METRICS and cutoff in {str(k) for k in KS}

"""All that a list was made from, but for the release: so that it can be made again.

Letters: E events of a history, K candidates that a generator named.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from penchant.contracts import TopK
from penchant.core.errors import ArtifactError
from penchant.data.histories import Histories
from penchant.pipeline.recommender import Recommendation
from penchant.pipeline.rules.kinds import Rules
from penchant.pipeline.rules.outcomes import NOTHING, Outcomes
from penchant.pipeline.steering import Steering

#: Keeps text that many lists share, and tells a name for it.
Keep = Callable[[str], str]
#: What lies under such a name.
Kept = Callable[[str], str]


@dataclass(frozen=True)
class Way:
    """How one list came about.

    Attributes:
        weights: Factors on the weights of generators that somebody else than the person asked for.
        model: The model that was asked for by name; None: the merged list.
        rung: See ``Recommendation``.
        lists: What each generator named then, one row of K candidates.
        missing: Parts that were late or failed, and why.
    """

    weights: Mapping[str, float]
    model: str | None
    rung: str
    lists: Mapping[str, TopK]
    missing: Mapping[str, str]

    @classmethod
    def of(cls, found: Recommendation, weights: Mapping[str, float]) -> Self:
        """Of a list that was just made."""
        return cls(weights, found.rung if found.merged is None else None, found.rung, found.lists, found.missing)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        lists = {name: [_packed(found.items[0], np.int32), _packed(found.scores[0], np.float32)] for name, found in self.lists.items()}
        return {"weights": dict(self.weights), "model": self.model, "rung": self.rung, "lists": lists, "missing": dict(self.missing)}

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Self:
        """What ``plain`` gave."""
        lists = {
            name: TopK(_unpacked(items, np.int32)[None, :], _unpacked(scores, np.float32)[None, :])
            for name, (items, scores) in told["lists"].items()
        }
        return cls(told["weights"], told["model"], told["rung"], lists, told["missing"])


@dataclass(frozen=True)
class Given:
    """What a list is made from, whatever the way.

    Attributes:
        history: One row of E events, before steering.
        k: Length of the list.
        exclude_seen: Whether what the history holds is left out.
        hidden: int32, codes that the person hid.
        out: int32, codes that nobody is shown: out of stock.
        steering: What the person asked for.
        user_id: Whose list it is; None: nobody's in particular.
        now: UTC seconds.
        seed: Of what rules leave to chance.
        rules: That were applied.
        outcomes: What was known of items that were shown.
    """

    history: Histories
    k: int
    exclude_seen: bool
    hidden: np.ndarray
    out: np.ndarray
    steering: Steering
    user_id: str | None
    now: int
    seed: str
    rules: Rules
    outcomes: Outcomes = NOTHING

    @property
    def kept_out(self) -> np.ndarray:
        """int32, codes that must not be shown."""
        return np.concatenate([self.hidden, self.out])

    def plain(self, keep: Keep, known: Histories, candidates: Iterable[int] = ()) -> dict[str, Any]:
        """As JSON values.

        Args:
            keep: Keeps what many lists share: rules, and what is out of stock.
            known: One row that whoever reads has, too: of the history only what comes after its beginning is told.
            candidates: Items of which outcomes may have mattered.
        """
        row = self.history
        prefix = _alike(row, known)
        rest = {
            "items": _packed(row.items[prefix:], np.int32),
            "actions": _packed(row.actions[prefix:], np.int8),
            "times": _packed(np.diff(row.times[prefix:], prepend=0), np.int64),
            "domains": _packed(row.domains[prefix:], np.int16),
        }
        return {
            "history": {"known": prefix, "timed": row.timed, **rest},
            "k": self.k,
            "exclude_seen": self.exclude_seen,
            "hidden": _packed(self.hidden, np.int32),
            "out": keep(_packed(self.out, np.int32)) if len(self.out) else "",
            "steering": self.steering.plain(),
            "now": self.now,
            "rules": keep(self.rules.text),
            "outcomes": [[item, *counts] for item, counts in self.outcomes.of(candidates).items()],
        }

    @classmethod
    def parse(cls, told: Mapping[str, Any], kept: Kept, known: Histories, user_id: str | None, seed: str) -> Self:
        """What ``plain`` gave.

        Args:
            told: The values.
            kept: What lies under a name.
            known: The same row as then.
            user_id: Whose list it was.
            seed: The request's id.

        Raises:
            ArtifactError: The row is another one, or a part is damaged.
        """
        try:
            row = told["history"]
            start = int(row["known"])
            if start > known.num_events:
                raise ArtifactError(f"{start} events", f"the user has {known.num_events} in this release", "pass the release of that time")
            columns = {
                "items": _unpacked(row["items"], np.int32),
                "actions": _unpacked(row["actions"], np.int8),
                "times": np.cumsum(_unpacked(row["times"], np.int64)),
                "domains": _unpacked(row["domains"], np.int16),
            }
            whole = {name: np.concatenate([getattr(known, name)[:start], column]) for name, column in columns.items()}
            history = Histories(
                offsets=np.array([0, len(whole["items"])], np.int64), users=np.zeros(1, np.int32), timed=bool(row["timed"]), **whole
            )
            return cls(
                history=history,
                k=int(told["k"]),
                exclude_seen=bool(told["exclude_seen"]),
                hidden=_unpacked(told["hidden"], np.int32),
                out=_unpacked(kept(told["out"]), np.int32) if told["out"] else np.zeros(0, np.int32),
                steering=Steering.model_validate(told["steering"]),
                user_id=user_id,
                now=int(told["now"]),
                seed=seed,
                rules=Rules.model_validate_json(kept(told["rules"])),
                outcomes=Outcomes({item: (successes, failures) for item, successes, failures in told["outcomes"]}),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"answer {seed}", f"its record is damaged ({error})", "ask for another one") from error


def _alike(row: Histories, known: Histories) -> int:
    """Events at the beginning that both rows have."""
    count = min(row.num_events, known.num_events)
    differ = np.zeros(count, bool)
    for name in ("items", "actions", "times", "domains"):
        differ |= getattr(row, name)[:count] != getattr(known, name)[:count]
    return int(differ.argmax()) if differ.any() else count


def _packed(values: np.ndarray, kind: type[np.generic]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, np.dtype(kind).newbyteorder("<")).tobytes()).decode()


def _unpacked(text: str, kind: type[np.generic]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text, validate=True), np.dtype(kind).newbyteorder("<")).astype(kind)

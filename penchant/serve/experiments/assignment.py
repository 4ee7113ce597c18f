"""Who falls where: decided by a hash of a salt and the user's id, so nothing need be kept, and every server decides alike."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from penchant.serve.experiments.definition import Arm, Experiment

#: What an interleaved list counts as, in place of one arm.
BOTH = "interleaved"


@dataclass(frozen=True)
class Assigned:
    """How one list is to be made.

    Attributes:
        arms: Arm by experiment, as the answer tells it.
        weights: Factors on the weights of generators.
        model: One model, in place of the merged list.
        deadline_ms: Time it may take.
        draft: The experiment whose two arms are to be interleaved; None for a plain list.
        shadows: Experiment and arm of each list that is to be made beside it.
    """

    arms: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    model: str | None = None
    deadline_ms: float | None = None
    draft: Experiment | None = None
    shadows: tuple[tuple[str, Arm], ...] = ()

    def under(self, arm: Arm) -> Assigned:
        """With what an arm changes, too; what others changed stays."""
        weights = {name: self.weights.get(name, 1.0) * arm.weights.get(name, 1.0) for name in {*self.weights, *arm.weights}}
        return Assigned(self.arms, weights, arm.model or self.model, arm.deadline_ms or self.deadline_ms)


NOTHING = Assigned()


def bucket(salt: str, user_id: str) -> float:
    """A number in [0, 1) of a user, evenly spread over users and independent between salts."""
    digest = hashlib.blake2b(f"{salt}\0{user_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) / (1 << 53)  # as many bits as a float has


def takes_part(experiment: Experiment, user_id: str, known: bool) -> bool:
    """Whether an experiment concerns a user.

    Args:
        experiment: Of any state.
        user_id: Who.
        known: Whether the release was trained with them.
    """
    if experiment.users != "all" and known != (experiment.users == "known"):
        return False
    if experiment.layer is None:
        return bucket(f"{experiment.key}/audience", user_id) < experiment.audience
    place = bucket(f"layer/{experiment.layer}", user_id)
    return experiment.layer_from <= place < experiment.layer_from + experiment.audience


def arm_of(experiment: Experiment, user_id: str) -> Arm:
    """The arm of a user who takes part; by shares in the order of the arms."""
    left = bucket(f"{experiment.key}/arm", user_id)
    for arm in experiment.shown:
        left -= arm.share
        if left < 0:
            return arm
    return experiment.shown[-1]


def assigned(running: Sequence[Experiment], user_id: str, known: bool, models: Collection[str]) -> Assigned:
    """How a user's list is to be made.

    An experiment that names a model which this server does not have concerns nobody here.

    Args:
        running: Experiments.
        user_id: Who.
        known: Whether the release was trained with them.
        models: Names of all generators.
    """
    chosen, arms, draft = NOTHING, {}, None
    shadows: list[tuple[str, Arm]] = []
    for experiment in running:
        if not possible(experiment, models) or not takes_part(experiment, user_id, known):
            continue
        shadows += [(experiment.name, arm) for arm in experiment.shadows]
        if experiment.kind == "interleave":
            arms[experiment.name], draft = BOTH, experiment
        else:
            arm = arm_of(experiment, user_id)
            arms[experiment.name] = arm.name
            chosen = chosen.under(arm)
    return Assigned(arms, chosen.weights, chosen.model, chosen.deadline_ms, draft, tuple(shadows)) if arms else NOTHING


def possible(experiment: Experiment, models: Collection[str]) -> bool:
    """Whether there is every model that the arms name."""
    return not unknown_models(experiment, models)


def unknown_models(experiment: Experiment, models: Collection[str]) -> list[str]:
    """Models that the arms name and that are not there."""
    named = {name for arm in experiment.arms for name in (*arm.weights, *([arm.model] if arm.model else []))}
    return sorted(named - set(models))

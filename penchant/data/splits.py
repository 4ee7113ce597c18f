"""Splits: what training may see, and what an evaluation asks.

Every split obeys one rule: no event of a row's visible history comes after that row's targets. Users who have too
little are left out of the evaluation, never out of training, and the split's sentence says how many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.data.dataset import Dataset
from penchant.data.histories import Histories

Shares = tuple[float, float, float]


@dataclass(frozen=True)
class Targets:
    """What an evaluation asks.

    Attributes:
        histories: R rows, what the model may see; a row may be empty only where the split says so.
        items: R rows of the same users, the events to be found, at least one each, with their times and actions.
    """

    histories: Histories
    items: Histories

    def __len__(self) -> int:
        return len(self.items)

    def sample(self, most: int, seed: int = 0) -> Targets:
        """At most ``most`` rows, drawn once."""
        if len(self) <= most:
            return self
        rows = np.sort(generator(seed).choice(len(self), most, replace=False))
        return Targets(self.histories.take(rows), self.items.take(rows))


@dataclass(frozen=True)
class Split:
    """A data set cut for training, validation and test.

    Attributes:
        name: One sentence that says the rule and how many users it left out, for reports.
        train: All U users, row r being user code r + 1; what training may see. A row may be empty.
        valid: For choosing settings.
        test: For the number that is reported. Its histories include what validation asked for, where that is earlier.
        num_items: N.
        cold: bool[N + 1], items without any training event; index 0 (padding) is False.
    """

    name: str
    train: Histories
    valid: Targets
    test: Targets
    num_items: int
    cold: np.ndarray


def leave_one_out(dataset: Dataset, *, min_events: int = 3) -> Split:
    """The last event of each user is the test target, the one before it the validation target, the rest is for training.

    Args:
        dataset: Timed or only ordered.
        min_events: Users with fewer events are in training only, with all their events; at least 3.
    """
    require(min_events >= 3, f"min_events={min_events}", "one event each for training, validation and test", "pass min_events>=3")
    whole = dataset.histories
    enough = whole.lengths >= min_events
    held = np.where(enough, 1, 0)
    return _cut(
        dataset,
        whole.lengths - 2 * held,
        whole.lengths - held,
        f"Leave one out: each user's last event is for test, the one before it for validation, the rest for training; "
        f"{_users(~enough)} with fewer than {min_events} events in training only.",
    )


def per_user_temporal(dataset: Dataset, *, shares: Shares = (0.8, 0.1, 0.1)) -> Split:
    """Each user's events, in time order, are cut by shares: oldest for training, newest for test.

    Validation and test get at least one event of a user, and otherwise their share rounded down. Users for whom that
    leaves nothing to see are in training only.

    Raises:
        InputError: The data set has no times, or the shares are not three positive numbers that sum to 1.
    """
    _require_times(dataset, "per_user_temporal", "use leave_one_out, which needs only an order")
    _require_shares(shares)
    lengths = dataset.histories.lengths
    valid, test = (np.maximum(1, np.floor(lengths * share + 1e-9)).astype(np.int64) for share in shares[1:])
    enough = lengths > valid + test
    return _cut(
        dataset,
        np.where(enough, lengths - valid - test, lengths),
        np.where(enough, lengths - test, lengths),
        f"Per user, in time order: {_percent(shares)} of the events for training, validation and test, at least one each; "
        f"{_users(~enough)} with too few events in training only.",
    )


def global_temporal(
    dataset: Dataset,
    *,
    valid_from: int | None = None,
    test_from: int | None = None,
    shares: Shares = (0.8, 0.1, 0.1),
    min_history: int = 1,
) -> Split:
    """One clock for everybody: training before ``valid_from``, validation until ``test_from``, test from then on.

    The targets of a user are all events of the period, and the model sees what the user did before the period.

    Args:
        dataset: A timed data set.
        valid_from: UTC seconds, the first second of validation. Pass both times, or none for ``shares``.
        test_from: UTC seconds, the first second of test.
        shares: Shares of events that choose the two times when they are not given; events of one second stay together.
        min_history: Users with fewer visible events are left out of the evaluation of that period.

    Raises:
        InputError: The data set has no times, only one time was given, or a period has nothing to ask.
    """
    _require_times(dataset, "global_temporal", "use leave_one_out, which needs only an order")
    require(
        (valid_from is None) == (test_from is None),
        f"valid_from={valid_from}, test_from={test_from}",
        "both periods need a beginning",
        "pass both times, or neither for shares",
    )
    whole = dataset.histories
    if valid_from is None or test_from is None:
        _require_shares(shares)
        places = [int(whole.num_events * share) for share in (shares[0], shares[0] + shares[1])]
        valid_from, test_from = (int(time) for time in np.partition(whole.times, places)[places])
        rule = f"at the times that leave {_percent(shares)} of the events"
    else:
        rule = "at given times"
    require(
        valid_from < test_from,
        f"valid_from={valid_from}, test_from={test_from}",
        "validation comes before test",
        "pass valid_from<test_from",
    )
    train = whole.where(whole.times < valid_from)
    before_test = whole.where(whole.times < test_from)
    valid, valid_left = _targets(train, whole.where((whole.times >= valid_from) & (whole.times < test_from)), min_history)
    test, test_left = _targets(before_test, whole.where(whole.times >= test_from), min_history)
    return _split(
        dataset,
        f"Global time, cut {rule}: validation from {_day(valid_from)}, test from {_day(test_from)} UTC; "
        f"targets are all events of the period; {valid_left:,} users of validation and {test_left:,} of test "
        f"with fewer than {min_history} earlier events are not asked.",
        train,
        valid,
        test,
    )


def cold_items(dataset: Dataset, *, share: float = 0.1, seed: int = 0, min_history: int = 1) -> Split:
    """Some items are unknown to training; the targets are their events, half of the items for validation, half for test.

    Training sees all events of all other items, later ones too: this split asks about unknown items, not about the
    future. The visible history of a row holds the other items' events before the user's first target.

    Args:
        dataset: Timed or only ordered.
        share: Share of the items with events that are held out, in (0, 1); at least two items.
        seed: Chooses the items.
        min_history: Users with fewer visible events are left out of the evaluation.
    """
    require(0 < share < 1, f"share={share}", "some items are held out and some are not", "pass a share between 0 and 1")
    whole = dataset.histories
    known = np.unique(whole.items)
    count = max(2, round(len(known) * share))
    require(
        count < len(known), f"{len(known)} items with events", f"{count} are to be held out", "use a larger data set or a smaller share"
    )
    chosen = generator(seed, count).permutation(known)[:count]
    is_valid, is_test = np.zeros(dataset.num_items + 1, bool), np.zeros(dataset.num_items + 1, bool)
    is_valid[chosen[: count // 2]] = True
    is_test[chosen[count // 2 :]] = True
    warm = ~(is_valid | is_test)[whole.items]
    (valid, valid_left), (test, test_left) = (
        _targets(
            whole.where(warm & (whole.places < _first(whole, held[whole.items])[whole.rows])), whole.where(held[whole.items]), min_history
        )
        for held in (is_valid, is_test)
    )
    return _split(
        dataset,
        f"Cold items: {count // 2:,} items held out for validation and {count - count // 2:,} for test (seed {seed}), "
        "with all their events; a user is asked for those items after the first of them; "
        f"{valid_left:,} users of validation and {test_left:,} of test with fewer than {min_history} earlier events are not asked.",
        whole.where(warm),
        valid,
        test,
    )


def _cut(dataset: Dataset, train: np.ndarray, test: np.ndarray, name: str) -> Split:
    """Cut each row at two places, int64[U] each: ``[:train]``, ``[train:test]``, ``[test:]``."""
    whole = dataset.histories
    starts, stops = whole.offsets[:-1], whole.offsets[1:]
    rows = np.flatnonzero(test < whole.lengths)

    def part(first: np.ndarray, last: np.ndarray) -> Histories:
        return whole.slices(first[rows], last[rows], rows)

    return _split(
        dataset,
        name,
        whole.slices(starts, starts + train, np.arange(len(whole))),
        Targets(part(starts, starts + train), part(starts + train, starts + test)),
        Targets(part(starts, starts + test), part(starts + test, stops)),
    )


def _targets(visible: Histories, wanted: Histories, min_history: int) -> tuple[Targets, int]:
    """Rows with something to find and enough to see, and how many had too little to see."""
    require(min_history >= 0, f"min_history={min_history}", "a count is not negative", "pass min_history>=0")
    asked = wanted.lengths > 0
    rows = np.flatnonzero(asked & (visible.lengths >= min_history))
    return Targets(visible.take(rows), wanted.take(rows)), int(asked.sum()) - len(rows)


def _split(dataset: Dataset, name: str, train: Histories, valid: Targets, test: Targets) -> Split:
    for period, targets in (("validation", valid), ("test", test)):
        require(len(targets) > 0, f"0 users to ask in {period}", f"the rule leaves none ({name})", "use more data or another split")
    cold = np.bincount(train.items, minlength=dataset.num_items + 1) == 0
    cold[0] = False
    return Split(name=name, train=train, valid=valid, test=test, num_items=dataset.num_items, cold=cold)


def _first(histories: Histories, marked: np.ndarray) -> np.ndarray:
    """int64[R], the place of the first marked event of each row; the row's length where there is none."""
    first = histories.lengths.copy()
    np.minimum.at(first, histories.rows[marked], histories.places[marked])
    return first


def _require_times(dataset: Dataset, what: str, remedy: str) -> None:
    require(dataset.timed, f"dataset={dataset.name!r} without times", f"{what} compares times", remedy)


def _require_shares(shares: Shares) -> None:
    right = len(shares) == 3 and min(shares) > 0 and abs(sum(shares) - 1) < 1e-6
    require(
        right, f"shares={shares}", "shares of training, validation and test are positive and sum to 1", "pass for example (0.8, 0.1, 0.1)"
    )


def _percent(shares: Shares) -> str:
    return " / ".join(f"{100 * share:g}%" for share in shares)


def _users(mask: np.ndarray) -> str:
    return f"{int(mask.sum()):,} users"


def _day(time: int) -> str:
    return str(np.datetime64(time, "s"))

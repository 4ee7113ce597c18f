from __future__ import annotations

import pytest

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.recipes.serving.ubs import StoredStates

HISTORIES = Histories.of([[1, 2, 3, 4, 5, 6, 7], [1, 2], [], [3, 4, 5]], users=[4, 5, 6, 7])


@pytest.mark.parametrize(
    ("every", "seen"),
    [
        (1, [[1, 2, 3, 4, 5, 6, 7], [1, 2], [], [3, 4, 5]]),
        (3, [[1, 2, 3, 4, 5, 6], [], [], [3, 4, 5]]),
        (20, [[], [], [], []]),
        (0, [[], [], [], []]),
    ],
)
def test_a_stored_state_has_seen_full_rounds(every: int, seen: list[list[int]]) -> None:
    model = SASRec(9, SASRecSettings(width=8, heads=2)).eval()
    ranking = StoredStates(model, every)
    stored = ranking.stored(HISTORIES)
    assert [stored.row(row).tolist() for row in range(4)] == seen
    assert stored.users.tolist() == [4, 5, 6, 7]
    found = ranking.recommend(HISTORIES, 3, exclude=HISTORIES)
    assert found.items.tolist() == model.recommend(stored, 3, exclude=HISTORIES).items.tolist(), "what the user had is left out at once"


def test_a_negative_number_of_events_is_refused() -> None:
    with pytest.raises(InputError, match="every=-1"):
        StoredStates(SASRec(3, SASRecSettings(width=8, heads=2)), -1)

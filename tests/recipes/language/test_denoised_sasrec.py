"""What SASRec is trained on under each treatment of planted noise."""

from __future__ import annotations

import numpy as np

from penchant.data.planted_noise import planted
from penchant.recipes.language.denoised_sasrec import Finder, Treatment, treated
from tests.contracts.planted import lab


def test_treatments_change_what_they_say_and_nothing_else() -> None:
    here = lab()
    clean = here.train.items
    found = planted(here.train, here.num_items, share=0.1)
    items = {one: treated(here, one, Finder.TEXTS, 0.1, 0.1).items for one in Treatment}
    noisy = found.histories.items
    assert np.array_equal(items[Treatment.CLEAN], clean)
    assert np.array_equal(items[Treatment.NOISY], noisy)
    corrected, shuffled = (items[one] != noisy for one in (Treatment.CORRECTED, Treatment.SHUFFLED))
    assert np.array_equal(corrected, shuffled), "the same suspects"
    assert 0 < corrected.mean() <= 0.1
    assert not np.array_equal(items[Treatment.CORRECTED], items[Treatment.SHUFFLED])
    assert 0 < (items[Treatment.RANDOM] != noisy).mean() < 0.2
    assert not np.array_equal(items[Treatment.RANDOM] != noisy, corrected)


def test_what_suspects_can_be_chosen() -> None:
    here = lab()
    texts, counts = (treated(here, Treatment.CORRECTED, one, 0.1, 0.1).items for one in Finder)
    assert not np.array_equal(texts, counts)

"""What claims on one data set share, so that arms can be compared across claims and are trained once."""

from __future__ import annotations

from penchant.claims.claim import Budget

#: About ten passes of a sequence network over the events of MovieLens 100K, some twenty over those of Amazon Beauty:
#: the baselines have levelled off on validation by then.
ML_100K = Budget(steps=1000)
BEAUTY = Budget(steps=3000)
BEAUTY_TIES = "Ties of a day keep the order of the file."

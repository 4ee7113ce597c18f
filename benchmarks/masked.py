"""What keeps BERT4Rec behind SASRec on Amazon Beauty: the number of its targets, and what it sees of a history.

All arms have the recipes' defaults, 6,000 steps, one seed; the last arm six times as many. Between the two networks stands SASRec
trained on just those events that BERT4Rec would mask: as few targets, no masks.

Run: python -m benchmarks.masked
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks.harness import row, write
from penchant.claims.claim import Budget
from penchant.claims.discover import recipe
from penchant.claims.lab import Lab
from penchant.claims.world import Worlds
from penchant.contracts import Losses, Retriever
from penchant.core.seeds import seed_everything
from penchant.data.batches import Batch
from penchant.evaluate.protocol import Seen, evaluate
from penchant.models.sequence.bert4rec import BERT4Rec
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.settings import TrainSettings

DATA, STEPS, MORE, SEED = "amazon-beauty", 6_000, 36_000, 0


class FewTargets(SASRec):
    """SASRec whose loss is over the events that BERT4Rec would mask."""

    def loss(self, batch: Batch) -> Losses:
        """See ``SequenceRetriever``."""
        if not hasattr(self, "_masks"):
            self._masks = (BERT4Rec(1),)  # in a tuple: no part of this network
        items = torch.cat([batch.items[:, :1], batch.targets], dim=1)
        masked, _ = self._masks[0].draw(items, batch.lengths + 1)
        has = masked[:, 1:] & (batch.targets > 0)
        loss = self.head.loss(self.encode(batch)[has], batch.targets[has])
        return Losses(loss, {"next_item": loss.detach()})


def few(lab: Lab) -> Retriever:
    """SASRec as its recipe has it, but for the targets."""
    training = TrainSettings(max_len=50, tokens=1024, learning_rate=2e-3, epochs=60, patience=5, validate_every=2)
    return lab.fit(FewTargets(lab.num_items, SASRecSettings()), training)


def main() -> None:
    """Train the arms, and say what came out."""
    torch.set_num_threads(1)
    world = Worlds().open(DATA, "leave-one-out")
    sasrec, bert = recipe("sasrec").build, recipe("bert4rec").build
    arms: dict[str, tuple[Callable[[Lab], Retriever], int]] = {
        "SASRec": (sasrec, STEPS),
        "SASRec, on the targets of BERT4Rec": (few, STEPS),
        "BERT4Rec": (bert, STEPS),
        "BERT4Rec, on the newest item of random prefixes": (lambda lab: bert(lab, last_share=1.0, prefixes=True, dropout=0.3), STEPS),
        "BERT4Rec, six times the steps": (bert, MORE),
    }
    rows = []
    for name, (build, steps) in arms.items():
        seed_everything(SEED)
        lab = world.lab(SEED, Budget(steps=steps))
        found = evaluate(build(lab), world.split.test, name=name, seen=Seen.REMOVED, ks=(10,))
        rows.append(row(f"{name}: NDCG@10", "", found.mean("ndcg@10"), steps=steps, recall=found.mean("recall@10")))
        write("masked", rows)


if __name__ == "__main__":
    main()

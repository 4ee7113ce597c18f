"""A release of the Complete Journey for ``benchmarks.serving``: of full size, its networks trained for a moment.

How long a list takes does not depend on how long its networks were trained, so a quarter of an hour is enough:

    python -m benchmarks.serving_release [FOLDER]        # default: runs/complete-journey/release
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.serving import RELEASE
from penchant.data.sources import load
from penchant.items.minilm import MiniLM
from penchant.pipeline.job import for_dataset, run

STEPS = 120


def main() -> None:
    """Make it."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else RELEASE
    dataset = load("complete-journey").dataset
    whole = for_dataset(dataset)
    short = {name: getattr(whole, name).but(steps=STEPS, epochs=1) for name in ("tandem_training", "sasrec_training", "head_training")}
    settings = whole.but(**short, validation_users=200, weight_users=200)
    run(dataset, MiniLM.fetch(), settings, work=folder.parent / "work", release=folder)


if __name__ == "__main__":
    main()

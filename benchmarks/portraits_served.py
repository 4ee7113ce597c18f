"""What portraits cost who asks for a list: the platform as it is, and the same with no portrait made anew, in turn.

No language model is on the path of a request: reasons are templates over what is known, portraits are made beside the requests. What is
left is that both share the processor. Lists with a deadline of 20 ms are asked for in an open loop while events flow in, on servers
started in turn.

Run: python -m benchmarks.portraits_served [FOLDER]        # of a release, as for benchmarks.serving
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.harness import row, write
from benchmarks.load import open_loop
from benchmarks.serving import BASKET, DEADLINE, EVENTS, RELEASE, Shop, server
from penchant.pipeline.release import load_release

ROUNDS, SECONDS, WARM, RATE, BAR = 3, 45.0, 8.0, 20.0, 2.0  # 900 lists a server: the 99th percentile has nine of them above it
ARMS = {"portraits made anew": "penchant.cli.main", "none": "benchmarks.without_portraits"}


def asked(folder: Path, program: str, shop: Shop, seed: int) -> np.ndarray:
    """Seconds of the lists that one server made."""
    with tempfile.TemporaryDirectory() as place, server(folder, Path(place), *DEADLINE, program=program) as port:
        kinds = {"/v1/recommend": (shop.visit, RATE), "/v1/events": (shop.basket, EVENTS / BASKET)}
        open_loop(port, kinds, WARM, seed=seed)
        return np.array(open_loop(port, kinds, SECONDS, seed=seed)["/v1/recommend"].seconds)


def main() -> None:
    """Measure in turn; a difference is that of two servers of one round."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else RELEASE
    shop = Shop(load_release(folder))
    found: dict[str, list[np.ndarray]] = {arm: [] for arm in ARMS}
    for number in range(ROUNDS):
        for arm, program in list(ARMS.items())[:: 1 if number % 2 else -1]:
            found[arm].append(asked(folder, program, shop, number))
    rows = []
    for name, share in (("median", 0.5), ("p99", 0.99)):
        values = {arm: np.array([np.quantile(one, share) for one in seconds]) * 1e3 for arm, seconds in found.items()}
        rows += [row(f"/v1/recommend, {name}: {arm}", "ms", float(np.median(one)), rounds=ROUNDS) for arm, one in values.items()]
        gap = values["portraits made anew"] - values["none"]
        bar = BAR if name == "p99" else None
        told = f"{name}: what portraits add, a round"
        rows.append(row(told, "ms", float(np.median(gap)), bar=bar, low=float(gap.min()), high=float(gap.max())))
    write("portraits_served", rows)


if __name__ == "__main__":
    main()

"""Penchant against other libraries on Amazon Beauty (the folder that PENCHANT_DATA names), leave-one-out.

Both sides run in fresh processes that take turns (ours, theirs, ours, theirs, ...), so that whatever else the machine does
falls on both; a ratio is that of the medians. Same events, width, layers, heads, dropout, length, batch and threads; each
side as it comes otherwise: Penchant trains in bfloat16 where the processor has it. Results are saved after each peer, and those of
peers not named stay; peers are installed at their first use.

    python -m benchmarks.peers                          all
    python -m benchmarks.peers rectools --rounds 1      one, once
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import RESULTS, compared, stamped, write
from benchmarks.peers.environments import IMPLICIT, RECBOLE, RECTOOLS, Peer, interpreter
from benchmarks.peers.processes import OURS, export, run

SHAPE = {
    "width": 64, "layers": 2, "heads": 2, "dropout": 0.2, "length": 50, "threads": 2, "negatives": 64, "loss": "softmax",
    "tokens": 4096,  # ours: padded steps a batch
    "rows": 82,  # RecTools: as many steps, in rows of 50
    "examples": 2048,  # RecBole: its default; each is one target, with up to 50 steps before it
}  # fmt: skip


@dataclass(frozen=True)
class Match:
    """A peer and what is asked of both sides.

    Attributes:
        label: What is compared.
        options: What differs from ``SHAPE``.
        bars: By part, the ratio to reach.
    """

    name: str
    label: str
    peer: Peer
    options: dict[str, Any] = field(default_factory=dict)
    bars: dict[str, float] = field(default_factory=dict)


MATCHES = (
    Match("recbole", "SASRec, full cross-entropy", RECBOLE, bars={"training": 8, "ranking": 3}),
    Match("rectools", "SASRec, full cross-entropy", RECTOOLS, bars={"training": 5, "ranking": 3, "one_ms": 3}),
    Match("rectools-sampled", "SASRec, 64 sampled negatives", RECTOOLS, {"loss": "sampled_softmax"}, {"training": 3}),
    Match("implicit", "alternating least squares", IMPLICIT, {"loss": "als"}),
)
PARTS = {
    "training": ("training", "targets/s", True),
    "ranking": ("full ranking, k = 10, seen removed", "users/s", True),
    "one_ms": ("one user, k = 10, seen removed", "ms, median", False),
    "training_mb": ("peak memory of training", "MB", False),
    "peak_mb": ("peak memory of all", "MB", False),
}


def play(match: Match, events: Path, rounds: int, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Both sides, in turns; one row a part."""
    python, ours, theirs = interpreter(match.peer), [], []
    for turn in range(rounds):
        ours.append(run(Path(sys.executable), OURS, events, options))
        theirs.append(run(python, match.peer.runner, events, options))
        sys.stderr.write(f"{match.name}, round {turn + 1}: ours {ours[-1]}\n{match.name}, round {turn + 1}: peer {theirs[-1]}\n")
    rows = []
    for part, (title, unit, more_is_better) in PARTS.items():
        if part in ours[0] and part in theirs[0]:
            values = [[one[part] for one in side] for side in (ours, theirs)]
            shown = compared(f"{match.label}: {title}", unit, *values, bar=match.bars.get(part), more_is_better=more_is_better)
            shown |= {"peer_name": match.peer.name, "peer_version": match.peer.version, "match": match.name, "options": options}
            rows.append(stamped(shown))
    return rows


def main() -> None:
    """Play the matches named and save after each."""
    parser = argparse.ArgumentParser(description="Penchant against other libraries.")
    parser.add_argument("names", nargs="*", choices=[[], *(match.name for match in MATCHES)], default=[])
    parser.add_argument("--rounds", type=int, default=3, help="turns of both sides")
    parser.add_argument("--seconds", type=float, default=20.0, help="measured training, a turn")
    parser.add_argument("--users", type=int, default=4096, help="users ranked")
    parser.add_argument("--calls", type=int, default=100, help="single users answered")
    parser.add_argument("--threads", type=int, default=SHAPE["threads"], help="of both sides")
    asked = parser.parse_args()
    found = json.loads((RESULTS / "peers.json").read_text(encoding="utf-8")) if (RESULTS / "peers.json").exists() else []
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.csv"
        export(events)
        for match in MATCHES:
            if asked.names and match.name not in asked.names:
                continue
            options = {**SHAPE, **match.options, "seconds": asked.seconds, "users": asked.users, "calls": asked.calls}
            options["threads"] = asked.threads
            rows = play(match, events, asked.rounds, options)
            found = [row for row in found if row["match"] != match.name] + rows
            order = [match.name for match in MATCHES]
            write("peers", sorted(found, key=lambda row: order.index(row["match"])))


if __name__ == "__main__":
    main()

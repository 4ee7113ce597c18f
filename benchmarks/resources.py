"""Where the time of a request goes: finding what is known, computing, JSON, HTTP; of the whole platform and of a single model.

The founding articles say that communication and caching take more than half of a cascade's resources. Here is what ours takes.

Run: python -m benchmarks.resources [FOLDER]        # of a release, as for benchmarks.serving
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.harness import median_ms, row, write
from benchmarks.load import Told, closed_loop
from benchmarks.serving import RELEASE, Shop, server
from penchant.pipeline.release import load_release
from penchant.serve.answers import RecommendOut
from penchant.serve.requests import RecommendIn

SECONDS = 10.0
KNOWN = ("history", "state", "cards")
COMPUTED = ("generate", "merge and policy", "rank", "reasons")


def processor_seconds(port: int) -> float:
    """Of all processes of the server that listens there."""
    (found,) = (one for one in psutil.net_connections("tcp") if one.laddr.port == port and one.status == psutil.CONN_LISTEN)
    whole = psutil.Process(found.pid)
    times = [one.cpu_times() for one in [whole, *whole.children(recursive=True)]]
    return float(sum(one.user + one.system for one in times))


def shares(named: str, told: Told, processor: float) -> list[dict[str, Any]]:
    """Rows of one way to make lists."""
    whole = told.quantile_ms(0.5)
    spent = {name: float(np.median([one["milliseconds"].get(name, 0.0) for one in told.answers])) for name in (*KNOWN, *COMPUTED)}
    answer = RecommendOut.model_validate(told.answers[-1])
    asked = json.dumps({"user_id": answer.user_id, "k": len(answer.items)}).encode()
    parts = {
        "finding what is known": sum(spent[name] for name in KNOWN),
        "computing": sum(spent[name] for name in COMPUTED),
        "JSON": median_ms(lambda: RecommendIn.model_validate_json(asked)) + median_ms(answer.model_dump_json),
    }
    parts["HTTP and loopback"] = whole - sum(parts.values())
    body = len(answer.model_dump_json())
    return [
        row(f"{named}: median round trip", "ms", whole, refused=told.refused, lists=len(told.seconds)),
        *(row(f"{named}: {name}", "ms", one, share=one / whole) for name, one in parts.items()),
        *(row(f"{named}: of computing, {name}", "ms", spent[name], share=spent[name] / whole) for name in COMPUTED),
        row(f"{named}: all but computing", "share", 1 - parts["computing"] / whole),
        row(f"{named}: processor time of all processes, a list", "ms", 1e3 * processor / max(len(told.seconds), 1)),
        row(f"{named}: an answer", "bytes", body),
    ]


def main() -> None:
    """Measure the ways in turn."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else RELEASE
    shop = Shop(load_release(folder))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place, server(folder, Path(place)) as port:
        ways: dict[str, dict[str, Any]] = {"all generators": {}, "Tandem alone": {"model": "tandem"}, "SASRec alone": {"model": "sasrec"}}
        for named, more in ways.items():
            closed_loop(port, "/v1/recommend", lambda more=more: {**shop.visit(), **more}, 1, 3.0)
            before = processor_seconds(port)
            told = closed_loop(port, "/v1/recommend", lambda more=more: {**shop.visit(), **more}, 1, SECONDS)
            rows += shares(named, told, processor_seconds(port) - before)
    write("resources", rows)


if __name__ == "__main__":
    main()

"""Run every benchmark, or those named: python -m benchmarks [loading ranking training profile scaling indexes generative ...].

Afterwards ``python -m benchmarks.page`` renews the page. Measured apart: other libraries (``python -m benchmarks.peers``), the online
platform, which needs a release of its own (``python -m benchmarks.serving``), what it costs by users and items
(``python -m benchmarks.cost``), what two layers of a user are worth together (``python -m benchmarks.layers``), what learning
from events as they come is for users (``python -m benchmarks.adaptation``) and for head items (``python -m benchmarks.tiers``), and
what each stage of a ranking platform adds (``python -m benchmarks.stages``).
"""

from __future__ import annotations

import subprocess
import sys

ALL = ("loading", "ranking", "training", "profile", "scaling", "indexes", "generative", "decoders", "quantisers", "demo")

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)

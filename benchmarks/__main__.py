"""Run every benchmark, or those named: python -m benchmarks [loading ranking training demo]."""

from __future__ import annotations

import subprocess
import sys

ALL = ("loading", "ranking", "training", "demo")

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)

"""Check that every extra installs from wheels alone, on every system, without installing anything.

    python tools/resolve_extras.py [--python 3.14] [--constraints constraints.txt]

A dependency that offers only sources on some system makes its users find a compiler, and often a Fortran or Rust one.
The check asks uv to resolve each extra for each system with building forbidden: it reads the index's metadata only.
It honours uv's own settings, such as UV_DEFAULT_INDEX for a mirror. It ends with status 1 if any pair fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The newest Python for which all dependencies publish wheels. Still missing for 3.15: PyYAML (which transformers and
# accelerate need), faiss-cpu (macOS, Windows), confluent-kafka, ray.
PYTHON = "3.14"

SYSTEMS = {"Linux x86-64": "x86_64-unknown-linux-gnu", "macOS arm64": "aarch64-apple-darwin", "Windows x86-64": "x86_64-pc-windows-msvc"}
MACOS = "14.0"  # the oldest macOS that torch and faiss-cpu build for


def resolve(extras: list[str], system: str, python: str, constraints: Path | None) -> tuple[int, str]:
    """Resolve the core and ``extras``: the number of packages, and uv's complaint (empty if it succeeded)."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--quiet", "--no-header", "--no-annotate"]
    command += ["--python", sys.executable, "--python-version", python, "--python-platform", system, "--only-binary", ":all:"]
    command += [part for extra in extras for part in ("--extra", extra)]
    command += ["--constraint", str(constraints)] if constraints else []
    environment = os.environ | {"MACOSX_DEPLOYMENT_TARGET": MACOS, "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return len(done.stdout.splitlines()), done.stderr.strip() if done.returncode else ""


def main() -> int:
    """Print one line for each extra and system."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=PYTHON, help=f"Python version to resolve for (default {PYTHON})")
    parser.add_argument("--constraints", type=Path, help="also demand these exact versions")
    arguments = parser.parse_args()
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = sorted(tomllib.load(file)["project"]["optional-dependencies"])
    constraints = arguments.constraints.resolve() if arguments.constraints else None
    failures = 0
    for group in [[], *([extra] for extra in extras), extras]:
        name = " + ".join(group) or "core"
        for title, system in SYSTEMS.items():
            started = time.perf_counter()
            packages, complaint = resolve(group, system, arguments.python, constraints)
            seconds = time.perf_counter() - started
            outcome = "FAILED" if complaint else f"{packages} packages, wheels only"
            print(f"{name:<28} {title:<16} Python {arguments.python}   {outcome}   {seconds:.1f} s", flush=True)
            if complaint:
                print(complaint, file=sys.stderr)
                failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

"""Fill the README's results from reports and benchmark records, so that no number there is typed by hand.

    python tools/readme_results.py ml-100k=runs/ml-100k/release/report/report.json beauty=runs/amazon-beauty/release/report/report.json

Each NAME=REPORT replaces what stands between ``<!-- results:NAME -->`` and ``<!-- end -->`` and keeps the report under
docs/results/. The speed table between ``<!-- speed -->`` and ``<!-- end -->`` is made from
the records in benchmarks/results/ that SHOWN names; docs/benchmarks.md has all.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
METRICS = ("ndcg@10", "recall@10")


#: What the README tells of speed; docs/benchmarks.md tells the rest.
SHOWN = ("demo", "loading", "ranking", "training")


def results(report: dict[str, Any]) -> str:
    """The accuracy table, what is not beaten, and what it was measured on."""
    lines = [
        "| model | NDCG@10, seen removed | Recall@10, seen removed | NDCG@10, seen kept | Recall@10, seen kept |",
        "|---|---|---|---|---|",
    ]
    cells: dict[str, dict[str, list[str]]] = {}
    for row in report["rows"]:
        shown = [f"{one['mean']:.4f} [{one['low']:.4f}, {one['high']:.4f}]" for one in (row["metrics"][name] for name in METRICS)]
        cells.setdefault(row["model"], {})[row["seen"]] = shown
    lines += [f"| {model} | {' | '.join(by_rule['removed'] + by_rule['kept'])} |" for model, by_rule in cells.items()]
    lost = [sentence for sentence in report["verdicts"] if "does not beat" in sentence]
    machine = report["machine"]
    training = {row["model"]: row["cost"]["train_seconds"] for row in report["rows"] if row["cost"]["train_seconds"]}
    times = ", ".join(f"{name} {training[name]:.0f} s" for name in ("Tandem", "SASRec", "EASE") if name in training)
    told = f"Intervals are 95% over users. Training: {times}. {machine['cpu']}, {machine['cores']} cores, load {machine['load'][0]:.1f}; "
    told += f"commit {report['commit'][:12]}; seed {', '.join(map(str, report['seeds']))}."
    return "\n".join([*lines, "", *(f"- {sentence}" for sentence in lost), "", told])


def speed(folder: Path) -> str:
    """Every benchmark row with its bar."""
    lines = ["| measured | result | bar |", "|---|---|---|"]
    machines = set()
    for path in (folder / f"{name}.json" for name in SHOWN if (folder / f"{name}.json").is_file()):
        for row in json.loads(path.read_text(encoding="utf-8")):
            bar = "" if row["bar"] is None else f"{row['bar']:g}, {'holds' if row['holds'] else '**missed**'}"
            lines.append(f"| {row['what']} | {row['ours']:,.4g} {row['unit']} | {bar} |")
            machines.add(f"{row['machine']['cpu']}, {row['machine']['cores']} cores, commit {str(row['commit'])[:12]}")
    return "\n".join([*lines, "", f"`make bench` on {'; '.join(sorted(machines))}. Each record names its load."])


def replaced(text: str, name: str, content: str) -> str:
    """``text`` with the part after the marker ``name`` made anew."""
    pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.S)
    if not pattern.search(text):
        raise SystemExit(f"README.md has no part between <!-- {name} --> and <!-- end -->")
    return pattern.sub(lambda found: f"{found[1]}\n{content}\n\n{found[2]}", text)


def main() -> None:
    """Fill what was named."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    for argument in sys.argv[1:]:
        name, path = argument.split("=", 1)
        report = json.loads(Path(path).read_text(encoding="utf-8"))
        kept = ROOT / "docs" / "results"
        kept.mkdir(parents=True, exist_ok=True)
        (kept / f"{name}.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        text = replaced(text, f"results:{name}", results(report))
    if any((ROOT / "benchmarks" / "results").glob("*.json")):
        text = replaced(text, "speed", speed(ROOT / "benchmarks" / "results"))
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Records: one JSON file a claim, from which the atlas is made. Nobody writes a number by hand.

A record says what was compared, under which protocol, what came out, at what cost, on which machine, from which code
and data. It is written whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penchant.claims import tuning
from penchant.claims.claim import LISTS, Claim
from penchant.claims.discover import recipe, recipes
from penchant.core.errors import ArtifactError, PenchantError
from penchant.core.storage import replace_text

#: What every record has.
NEEDED = ("claim", "says", "recipe", "paper", "dataset", "metric", "verdict", "difference", "interval", "arms", "comparisons", "definition")


def definition(claim: Claim) -> str:
    """A hash of what the claim compares, and how; its sentence and notes do not count."""
    untold = ("says", "note", "shown", "subject", "rivals", "controls", *(["rows"] if claim.rows == LISTS else []))
    told = {name: value for name, value in vars(claim).items() if name not in untold}
    arms = [(arm.recipe, dict(arm.settings)) for arm in claim.arms]
    return hashlib.sha256(json.dumps([told, arms], sort_keys=True, default=str).encode()).hexdigest()[:16]


def write(folder: Path, record: dict[str, Any]) -> Path:
    """Write ``folder/<claim>.json``, replacing an older record of the claim."""
    path = folder / f"{record['claim']}.json"
    replace_text(path, json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def read(path: Path) -> dict[str, Any]:
    """One record.

    Raises:
        ArtifactError: It is no JSON, or lacks a part.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"record {path.name}", f"it cannot be read ({error})", "run the claim again") from None
    missing = [part for part in NEEDED if not isinstance(record, dict) or part not in record]
    if missing:
        raise ArtifactError(
            f"record {path.name} without {', '.join(missing)}", "records are written by penchant claims run", "run the claim again"
        )
    return record


def read_all(folder: Path) -> dict[str, dict[str, Any]]:
    """Every record of a folder by claim; a folder that does not exist has none."""
    found = [read(path) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []
    return {record["claim"]: record for record in found}


def stale(record: dict[str, Any], known: Sequence[Claim]) -> str:
    """Why the record no longer speaks of the code there is; empty if it does."""
    claims = {claim.name: claim for claim in known}
    if record["claim"] not in claims:
        return "no recipe makes this claim any more"
    if definition(claims[record["claim"]]) != record["definition"]:
        return "the claim was changed since"
    for arm in record["arms"]:
        if arm["recipe"] not in recipes():
            return f"recipe {arm['recipe']} is gone"
        try:
            changed = recipe(arm["recipe"]).version != arm["code"]
        except PenchantError:
            changed = True
        if changed:
            return f"the code of {arm['recipe']} was changed since"
    return "" if _same_settings(record, claims[record["claim"]]) else "other settings were tuned since"


def _same_settings(record: dict[str, Any], claim: Claim) -> bool:
    try:
        settings, _ = tuning.settings_of(claim, record["dataset"])
    except PenchantError:  # under a budget of trials, not all arms are tuned
        return False
    return all(settings[arm["name"]] == arm["settings"] for arm in record["arms"])

"""``penchant replay``: from the files that a server wrote."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from penchant.cli.main import app
from penchant.core.errors import InputError, UnknownIdError
from penchant.core.progress import quiet
from penchant.pipeline.release import load_release
from penchant.pipeline.shelf import Shelf
from penchant.serve.app import create_app
from penchant.serve.backends import SERVED_NAME, opened
from penchant.serve.sqlite_served import SqliteServedLog
from tests.serve.conftest import make_release
from tests.serve.test_swap import renamed

run = CliRunner().invoke


def test_a_list_is_made_again_from_files(tmp_path: Path) -> None:
    with quiet():
        first = make_release(tmp_path / "first")
    shelf, state = Shelf(tmp_path / "shelf"), tmp_path / "state"
    shelf.promote(shelf.add(first))
    other = renamed(first, tmp_path / "other", "tiny anew")
    loaded = load_release(shelf.live_path())
    with (
        opened(state) as (log, store),
        closing(SqliteServedLog(state / SERVED_NAME)) as served,
        TestClient(create_app(loaded, log=log, store=store, served=served)) as client,
    ):
        answer = client.post("/v1/recommend", json={"user_id": "u1", "k": 5}).json()

    def replay(*more: str, request_id: str = answer["request_id"]) -> str:
        place = ["--release", str(shelf.folder), "--state", str(state)]
        done = run(app, ["replay", request_id, *place, *more], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    told = replay()
    assert "The same, bit for bit" in told
    assert all(one["item_id"] in told for one in answer["items"])
    assert "bit for bit" not in replay("--against", str(other))
    rules = tmp_path / "rules.yaml"
    first_item = answer["items"][0]["item_id"]
    rules.write_text(f"rules:\n  - rule: exclude\n    where: {{items: [{first_item}]}}\n", encoding="utf-8")
    assert f"{first_item}: 1 to -: must not be shown" in replay("--rules", str(rules)).replace("\n", " ")
    with pytest.raises(UnknownIdError, match="no such answer"):
        replay(request_id="nothing")
    with pytest.raises(InputError, match="there is no log of answers"):
        replay("--state", str(tmp_path / "nowhere"))

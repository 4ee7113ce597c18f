"""More requests than a server lets in: the others are answered, and those turned away are told when to come back."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from penchant.pipeline.release import Release
from penchant.serve.service import ServeSettings
from tests.serve.test_deadline import with_held


def test_too_many_are_turned_away_and_the_others_answered(tiny_release: Release, tmp_path: Path) -> None:
    with with_held(tiny_release, tmp_path, ServeSettings(most_running=2)) as (client, held):
        held.go.clear()
        statuses: list[int] = []

        def ask() -> None:
            statuses.append(client.post("/v1/recommend", json={"user_id": "u1", "k": 3}).status_code)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(500):
            if "penchant_requests_running 3.0" in client.get("/metrics").text:  # these two, and the one that asks
                break
            time.sleep(0.01)
        refused = client.post("/v1/recommend", json={"user_id": "u1", "k": 3})
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"] == {
            "value": "2 requests under way",
            "rule": "this server answers 2 at a time",
            "remedy": "try again in a second",
        }
        assert client.get("/v1/health").status_code == 200, "whoever watches gets through"
        assert "penchant_requests_shed_total 1.0" in client.get("/metrics").text
        held.go.set()
        for thread in threads:
            thread.join(20)
        assert statuses == [200, 200]
        assert client.post("/v1/recommend", json={"user_id": "u1", "k": 3}).status_code == 200

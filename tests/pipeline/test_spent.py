"""Processor time: one's own thread's, and what others did for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from penchant.pipeline.spent import spent, spent_elsewhere


def test_what_others_do_for_a_thread_counts_there_and_nowhere_else() -> None:
    with ThreadPoolExecutor(1) as pool:
        before, theirs = spent(), pool.submit(spent).result()
        spent_elsewhere(5.0)
        assert 5.0 <= spent() - before < 6.0
        assert pool.submit(spent).result() - theirs < 1.0


def test_work_counts() -> None:
    before = spent()
    sum(range(200_000))
    assert spent() > before

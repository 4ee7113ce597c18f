from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from penchant.core.errors import InputError, StorageError
from penchant.core.progress import quiet
from penchant.items.cache import CachedEncoder
from penchant.items.encoders import TextEncoder, unit_rows


class Counting:
    """Vectors from a hash of the text; remembers what it was asked, and fails on demand."""

    name = "counting"
    dim = 5

    def __init__(self, salt: str = "a", fail_after: int | None = None) -> None:
        self.salt = salt
        self.fail_after = fail_after
        self.asked: list[str] = []

    def fingerprint(self) -> str:
        return self.salt

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        if self.fail_after is not None and len(self.asked) >= self.fail_after:
            raise KeyboardInterrupt
        self.asked += texts
        rows = [np.frombuffer(hashlib.sha256((self.salt + text).encode()).digest()[:5], np.uint8) for text in texts]
        return (
            unit_rows(np.array(rows).reshape(len(texts), 5)) * [[text != ""] for text in texts] if texts else np.zeros((0, 5), np.float32)
        )


@pytest.fixture(autouse=True)
def _quiet():
    with quiet():
        yield


def test_each_text_is_encoded_once_and_rows_keep_their_order(tmp_path: Path) -> None:
    texts = ["b", "a", "", "b", "ccc", "a", "电影 🎬"]
    inner = Counting()
    cached = CachedEncoder(inner, tmp_path / "deep" / "cache", batch=2)
    assert isinstance(cached, TextEncoder) and (cached.name, cached.dim, cached.fingerprint()) == ("counting", 5, "a")
    expected = Counting().encode(texts)
    assert np.array_equal(cached.encode(texts), expected)
    assert sorted(inner.asked) == sorted(set(texts))
    assert np.array_equal(CachedEncoder(inner, tmp_path / "deep" / "cache").encode(texts[::-1]), expected[::-1])
    assert len(inner.asked) == 5
    assert cached.encode([]).shape == (0, 5)


def test_another_encoder_shares_nothing(tmp_path: Path) -> None:
    CachedEncoder(Counting("a"), tmp_path).encode(["x", "y"])
    other = Counting("b")
    assert np.array_equal(CachedEncoder(other, tmp_path).encode(["x", "y"]), Counting("b").encode(["x", "y"]))
    assert len(other.asked) == 2


def test_a_killed_run_goes_on_after_its_last_finished_batch(tmp_path: Path) -> None:
    texts = [f"text {number:03d}" for number in range(20)]
    first = Counting(fail_after=12)
    with pytest.raises(KeyboardInterrupt):
        CachedEncoder(first, tmp_path, batch=4).encode(texts)
    second = Counting()
    vectors = CachedEncoder(second, tmp_path, batch=4).encode(texts)
    assert len(first.asked) == 12 and len(second.asked) == 8
    assert set(first.asked) | set(second.asked) == set(texts)
    assert np.array_equal(vectors, Counting().encode(texts))


@pytest.mark.parametrize(
    "damage", ["vector = zeroblob(20)", "vector = x'00'", "vector = 'text'", "checksum = checksum + 1", "vector = NULL"]
)
def test_damaged_rows_are_encoded_again(tmp_path: Path, damage: str) -> None:
    texts = ["x", "y", "z"]
    CachedEncoder(Counting(), tmp_path).encode(texts)
    with sqlite3.connect(tmp_path / "vectors.sqlite") as connection:
        connection.execute(f"UPDATE vectors SET {damage} WHERE rowid = 2")
    connection.close()
    inner = Counting()
    assert np.array_equal(CachedEncoder(inner, tmp_path).encode(texts), Counting().encode(texts))
    assert len(inner.asked) == 1
    assert np.array_equal(CachedEncoder(inner, tmp_path).encode(texts), Counting().encode(texts))
    assert len(inner.asked) == 1  # repaired


def test_a_ruined_file_is_made_again(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(400)]
    CachedEncoder(Counting(), tmp_path).encode(texts)
    file = tmp_path / "vectors.sqlite"
    for ruin in (b"this is no database", file.read_bytes()[:8192] + b"\xff" * 20_000):
        file.write_bytes(ruin)
        assert np.array_equal(CachedEncoder(Counting(), tmp_path).encode(texts), Counting().encode(texts))
        inner = Counting()
        CachedEncoder(inner, tmp_path).encode(texts)
        assert inner.asked == []


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "vectors.sqlite").mkdir()
    with pytest.raises(StorageError):
        CachedEncoder(Counting(), tmp_path).encode(["x"])
    with pytest.raises(InputError):
        CachedEncoder(Counting(), tmp_path, batch=0)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from penchant.core.errors import ArtifactError, InputError
from penchant.items.encoders import TextEncoder
from penchant.items.tfidf import TfidfSvd

TEXTS = [
    "Alien. Horror, Sci-Fi",
    "Aliens. Action, Sci-Fi",
    "Star Wars. Adventure, Sci-Fi",
    "Notting Hill. Romance, Comedy",
    "Love Actually. Romance, Comedy",
    "Pretty Woman. Romance",
    "",
]


def test_alike_texts_are_near_each_other() -> None:
    encoder = TfidfSvd(dim=4).fit(TEXTS)
    vectors = encoder.encode(TEXTS)
    assert isinstance(encoder, TextEncoder)
    assert vectors.shape == (7, 4) and vectors.dtype == np.float32 and encoder.dim == 4
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 1, 1, 1, 0], atol=1e-6)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > likeness[0, 3] + 0.3  # both science fiction, against a romance
    assert likeness[3, 4] > likeness[3, 2] + 0.3


def test_batch_equals_single_and_same_seed_same_vectors() -> None:
    encoder = TfidfSvd(dim=4, seed=3).fit(TEXTS)
    assert np.allclose(encoder.encode(TEXTS), np.concatenate([encoder.encode([text]) for text in TEXTS]), atol=1e-6)
    twin = TfidfSvd(dim=4, seed=3).fit(TEXTS)
    assert np.array_equal(encoder.encode(TEXTS), twin.encode(TEXTS))
    assert encoder.fingerprint() == twin.fingerprint() != TfidfSvd(dim=3).fit(TEXTS).fingerprint()


def test_unknown_words_and_foreign_scripts_give_zeros_or_vectors_but_never_nan() -> None:
    encoder = TfidfSvd().fit([*TEXTS, "七人の侍", "Москва слезам не верит"])
    vectors = encoder.encode(["zzzz", "🎬🎬", "   ", "москва", "七人の侍", "ALIEN"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), [0, 0, 0, 1, 1, 1], atol=1e-6)


def test_one_item_and_items_without_words() -> None:
    one = TfidfSvd(dim=128).fit(["Alien"])
    assert one.dim == 1 and one.encode(["alien", "alien alien"]).tolist() == [[1.0], [1.0]]
    none = TfidfSvd(dim=128).fit(["", "...", " "])
    assert none.dim == 1 and none.encode(["", "alien"]).tolist() == [[0.0], [0.0]]
    assert one.encode([]).shape == (0, 1)


@pytest.mark.parametrize("texts", [TEXTS, ["", ""]])
def test_save_and_load_keep_the_vectors(tmp_path: Path, texts: list[str]) -> None:
    encoder = TfidfSvd(dim=3).fit(texts)
    encoder.save(tmp_path / "encoder")
    again = TfidfSvd.load(tmp_path / "encoder")
    assert np.array_equal(again.encode(TEXTS), encoder.encode(TEXTS))
    assert again.fingerprint() == encoder.fingerprint() and again.dim == encoder.dim


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    TfidfSvd(dim=3).fit(TEXTS).save(tmp_path / "encoder")
    file = tmp_path / "encoder" / "directions.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(ArtifactError):
        TfidfSvd.load(tmp_path / "encoder")


def test_bad_use_is_refused() -> None:
    assert TfidfSvd().dim is None
    for bad in (lambda: TfidfSvd(0), lambda: TfidfSvd(terms=0), lambda: TfidfSvd().fit([]), lambda: TfidfSvd().encode(["a"])):
        with pytest.raises(InputError):
            bad()

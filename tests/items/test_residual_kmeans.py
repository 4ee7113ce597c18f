from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest

from penchant.core.errors import ArtifactError, InputError
from penchant.items import quantiser as shared
from penchant.items.collisions import unique_codes
from penchant.items.quantiser import Quantiser
from penchant.items.residual_kmeans import ResidualKMeans, balanced_kmeans


def blobs(items: int = 600, width: int = 16, groups: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors around a few directions, and the direction of each."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, items)
    vectors = 4 * rng.standard_normal((groups, width))[group] + rng.standard_normal((items, width))
    return vectors.astype(np.float32), group


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_it_is_a_quantiser() -> None:
    assert isinstance(ResidualKMeans(), Quantiser)


def test_each_level_brings_the_approximation_closer_and_beats_random_centroids() -> None:
    vectors, _ = blobs()
    quantiser = ResidualKMeans(levels=3, codebook=16).fit(vectors)
    codes = quantiser.encode(vectors)
    errors = [float(((unit(vectors) - quantiser.decode(codes[:, :level])) ** 2).sum(axis=1).mean()) for level in range(4)]
    assert errors[0] == pytest.approx(1.0)
    assert errors[0] > errors[1] > errors[2] > errors[3]
    control = ResidualKMeans(levels=3, codebook=16).fit(vectors)
    rng = np.random.default_rng(1)
    control.codebooks = [unit(rng.standard_normal((16, 16))).astype(np.float32) * size for size in (1.0, 0.5, 0.25)]
    random_error = float(((unit(vectors) - control.decode(control.encode(vectors))) ** 2).sum(axis=1).mean())
    assert errors[3] < 0.5 * random_error


def test_alike_items_share_the_first_code() -> None:
    vectors, group = blobs(groups=4)
    first = ResidualKMeans(levels=1, codebook=4, iterations=50).fit(vectors).encode(vectors)[:, 0]
    together = group[:, None] == group[None, :]
    assert (first[:, None] == first[None, :])[together].mean() > 0.9


def test_same_seed_same_codes_and_another_seed_other_codes() -> None:
    vectors, _ = blobs()
    codes = [ResidualKMeans(levels=2, codebook=16, seed=seed).fit(vectors).encode(vectors) for seed in (3, 3, 4)]
    assert np.array_equal(codes[0], codes[1])
    assert not np.array_equal(codes[0], codes[2])


def test_codes_do_not_depend_on_the_number_of_threads() -> None:
    vectors, _ = blobs(items=2000)
    before = faiss.omp_get_max_threads()
    codes = []
    for threads in (1, 2):
        faiss.omp_set_num_threads(threads)
        codes.append(ResidualKMeans(levels=2, codebook=32).fit(vectors).encode(vectors))
    faiss.omp_set_num_threads(before)
    assert np.array_equal(codes[0], codes[1])


def test_a_large_set_is_sampled_and_encoded_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = blobs(items=3000)
    sampled = ResidualKMeans(levels=2, codebook=8, points=50).fit(vectors)
    whole = ResidualKMeans(levels=2, codebook=8, points=1000).fit(vectors)
    errors = [float(((unit(vectors) - each.decode(each.encode(vectors))) ** 2).sum(axis=1).mean()) for each in (sampled, whole)]
    assert errors[0] < 1.3 * errors[1]
    codes = whole.encode(vectors)
    monkeypatch.setattr(shared, "ROWS", 7)
    assert np.array_equal(whole.encode(vectors), codes)


def test_the_length_of_a_vector_does_not_matter() -> None:
    vectors, _ = blobs(items=100)
    quantiser = ResidualKMeans(levels=2, codebook=8).fit(vectors)
    assert np.array_equal(quantiser.encode(vectors), quantiser.encode(vectors * 1000))


def test_codes_of_a_row_do_not_depend_on_the_batch_even_for_exact_ties() -> None:
    corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], np.float32)
    quantiser = ResidualKMeans(levels=2, codebook=4).fit(corners)
    halfway = np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [0, 0]], np.float32)
    rows = np.concatenate([halfway] * 40)
    together = quantiser.encode(rows)
    assert np.array_equal(together, np.concatenate([quantiser.encode(row[None]) for row in rows]))
    assert together[0, 0] == 0 and together[4, 0] == 0  # equally near: the lower code


@pytest.mark.parametrize("items", [1, 2, 5])
def test_catalogues_smaller_than_the_codebook_are_kept_exactly(items: int) -> None:
    vectors, _ = blobs(items=items)
    quantiser = ResidualKMeans(levels=3, codebook=256).fit(vectors)
    codes = quantiser.encode(vectors)
    assert quantiser.codebook_sizes == (items, 1, 1)
    assert np.allclose(quantiser.decode(codes), unit(vectors), atol=1e-6)
    assert len(np.unique(codes, axis=0)) == items


def test_identical_and_empty_texts() -> None:
    one, two = np.eye(2, 8, dtype=np.float32)
    vectors = np.stack([one, one, np.zeros(8, np.float32), two, np.zeros(8, np.float32), one])
    quantiser = ResidualKMeans(levels=2, codebook=4).fit(vectors)
    codes = quantiser.encode(vectors)
    assert quantiser.codebook_sizes == (3, 1)  # three distinct points
    assert codes[0].tolist() == codes[1].tolist() == codes[5].tolist() != codes[3].tolist()
    assert codes[2].tolist() == codes[4].tolist()
    assert unique_codes(codes)[:, -1].tolist() == [0, 1, 0, 0, 1, 2]


def test_only_empty_texts() -> None:
    quantiser = ResidualKMeans(levels=2, codebook=4).fit(np.zeros((5, 3), np.float32))
    assert unique_codes(quantiser.encode(np.zeros((5, 3), np.float32))).tolist() == [[0, 0, rank] for rank in range(5)]


def test_save_and_load_keep_the_codes(tmp_path: Path) -> None:
    vectors, _ = blobs(items=200)
    quantiser = ResidualKMeans(levels=2, codebook=8, seed=5, iterations=7).fit(vectors)
    quantiser.save(tmp_path / "q")
    again = ResidualKMeans.load(tmp_path / "q")
    assert (again.levels, again.codebook, again.seed, again.iterations) == (2, 8, 5, 7)
    assert np.array_equal(again.encode(vectors), quantiser.encode(vectors))
    with pytest.raises(ArtifactError):
        ResidualKMeans.load(tmp_path)


def test_bad_settings_name_value_rule_and_remedy() -> None:
    with pytest.raises(InputError) as caught:
        ResidualKMeans(levels=0)
    assert str(caught.value) == "levels=0: a quantiser needs at least one level; pass levels>=1"
    for bad in ({"codebook": 0}, {"iterations": 0}, {"points": 0}, {"capacity": 0.9}):
        with pytest.raises(InputError):
            ResidualKMeans(**bad)


def test_bad_vectors_and_codes_are_refused() -> None:
    fitted = ResidualKMeans(levels=2, codebook=4).fit(np.eye(4, dtype=np.float32))
    with pytest.raises(InputError, match="not fitted"):
        ResidualKMeans().encode(np.eye(4))
    with pytest.raises(InputError, match="at least one point"):
        ResidualKMeans().fit(np.empty((0, 4), np.float32))
    with pytest.raises(InputError, match="finite"):
        ResidualKMeans().fit(np.array([[np.nan, 1.0]], np.float32))
    with pytest.raises(InputError, match="width"):
        fitted.encode(np.eye(5))
    with pytest.raises(InputError, match="no such entry"):
        fitted.decode(np.array([[4, 0]]))
    with pytest.raises(InputError, match="levels"):
        fitted.decode(np.zeros((1, 3), np.int32))
    assert fitted.encode(np.empty((0, 4), np.float32)).shape == (0, 2)


def uneven() -> np.ndarray:
    """float32[400, 2], most of them around one of four directions."""
    rng = np.random.default_rng(0)
    angle = rng.choice([0.1, 1.7, 3.3, 4.9], 400, p=[0.85, 0.05, 0.05, 0.05]) + 0.3 * rng.standard_normal(400)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def evenness(codes: np.ndarray) -> float:
    """Perplexity of the first codes."""
    share = np.unique(codes[:, 0], return_counts=True)[1] / len(codes)
    return float(np.exp(-(share * np.log(share)).sum()))


def test_capacity_makes_codes_more_even_and_little_of_it_is_little() -> None:
    vectors = uneven()
    found = [ResidualKMeans(levels=1, codebook=8, capacity=c).fit(vectors).encode(vectors) for c in (None, 3.0, 1.0)]
    assert evenness(found[0]) < evenness(found[2]) and evenness(found[2]) > 7.5
    assert evenness(found[0]) < evenness(found[1]) + 0.1 < evenness(found[2]) + 0.1
    encoded = ResidualKMeans(levels=1, codebook=8, capacity=1.0).fit(vectors)
    assert np.array_equal(np.concatenate([encoded.encode(row[None]) for row in vectors[:30]]), found[2][:30])


def test_balanced_centroids_are_means_of_equal_shares() -> None:
    line = np.array([0, 1, 2, 3, 4, 100], np.float32)[:, None]
    kwargs = {"seed": 0, "iterations": 20, "points_a_cluster": 256}
    assert sorted(balanced_kmeans(line, 2, capacity=1.0, **kwargs).ravel().tolist()) == [1.0, pytest.approx(107 / 3)]
    assert sorted(balanced_kmeans(line, 2, capacity=2.0, **kwargs).ravel().tolist()) == [2.0, 100.0]  # room for all: plain
    twice = np.array([0, 0, 0, 0, 1], np.float32)[:, None]
    assert sorted(balanced_kmeans(twice, 2, capacity=1.0, **kwargs).ravel().tolist()) == [0.0, 1.0]  # no more distinct points


def test_capacity_is_saved(tmp_path: Path) -> None:
    ResidualKMeans(levels=1, codebook=4, capacity=1.5).fit(uneven()).save(tmp_path / "q")
    assert ResidualKMeans.load(tmp_path / "q").capacity == 1.5


def test_last_distances_are_those_of_what_is_left_over() -> None:
    vectors, _ = blobs(items=100)
    quantiser = ResidualKMeans(levels=3, codebook=8).fit(vectors)
    codes = quantiser.encode(vectors)
    found = quantiser.last_distances(vectors)
    left = unit(vectors) - quantiser.decode(codes[:, :2])
    assert np.allclose(found, ((left[:, None] - quantiser.codebooks[2]) ** 2).sum(axis=2), atol=1e-6)
    assert np.array_equal(found.argmin(axis=1), codes[:, 2])
    assert quantiser.last_distances(vectors[:0]).shape == (0, 8)
    with pytest.raises(InputError, match="not fitted"):
        ResidualKMeans().last_distances(vectors)

"""A tiny BERT with random weights stands in for the real model: the plumbing is the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import AutoModel, BertConfig, BertModel

from penchant.core.errors import InputError
from penchant.items import minilm
from penchant.items.encoders import TextEncoder
from penchant.items.minilm import MiniLM

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *"abcdefghijklmnopqrstuvwxyz",
    *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
    "space",
]
TEXTS = ["space", "a space a", "b c d e f g h", "", "  \n", "zz top", "space " * 50, "电影 🎬", "a"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.enable_padding(length=9)  # whatever the file says, the encoder decides
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=32
    )
    BertModel(config).save_pretrained(folder)
    return folder


def test_it_is_the_mean_over_the_tokens_at_unit_length(folder: Path) -> None:
    encoder = MiniLM(folder, max_tokens=12)
    assert isinstance(encoder, TextEncoder) and encoder.dim == 16
    model = AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        states = model(input_ids=torch.tensor([[2, 4, WORDS.index("space"), 4, 3]])).last_hidden_state[0]
    expected = torch.nn.functional.normalize(states.mean(dim=0), dim=0).numpy()
    assert np.allclose(encoder.encode(["A space a"])[0], expected, atol=1e-6)


@pytest.mark.parametrize("batch_tokens", [1, 20, 4096])
def test_batch_equals_single_whatever_the_batches(folder: Path, batch_tokens: int) -> None:
    encoder = MiniLM(folder, max_tokens=12, batch_tokens=batch_tokens)
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (9, 16) and vectors.dtype == np.float32
    assert np.allclose(vectors, np.concatenate([encoder.encode([text]) for text in TEXTS]), atol=1e-5)
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 0, 0, 1, 1, 1, 1], atol=1e-5)
    assert np.array_equal(vectors, encoder.encode(TEXTS))
    assert encoder.encode([]).shape == (0, 16)


def test_blocks_do_not_matter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = MiniLM(folder, max_tokens=12)
    whole = encoder.encode(TEXTS)
    monkeypatch.setattr(minilm, "_BLOCK", 2)
    assert np.allclose(encoder.encode(TEXTS), whole, atol=1e-5)


def test_long_texts_are_cut_and_a_megabyte_is_no_burden(folder: Path) -> None:
    encoder = MiniLM(folder, max_tokens=12)
    longest = encoder.encode(["space " * 10])
    assert np.array_equal(encoder.encode(["space " * 170_000]), longest)
    assert np.array_equal(encoder.encode(["space " * 11]), longest)
    assert not np.allclose(encoder.encode(["space " * 9]), longest, atol=1e-4)


def test_bf16_stays_close(folder: Path) -> None:
    likeness = (MiniLM(folder, max_tokens=12).encode(TEXTS) * MiniLM(folder, max_tokens=12, bf16=True).encode(TEXTS)).sum(axis=1)
    assert likeness[[0, 1, 2, 5, 6, 7, 8]].min() > 0.999


def test_many_threads_get_the_same_vectors(folder: Path) -> None:
    encoder = MiniLM(folder, max_tokens=12)
    expected = encoder.encode(TEXTS)
    with ThreadPoolExecutor(8) as pool:
        for vectors in pool.map(lambda _: encoder.encode(TEXTS), range(32)):
            assert np.allclose(vectors, expected, atol=1e-5)


def test_the_fingerprint_follows_files_and_settings(folder: Path, tmp_path: Path) -> None:
    first = MiniLM(folder, max_tokens=12).fingerprint()
    assert first == MiniLM(folder, max_tokens=12, batch_tokens=7).fingerprint()
    assert len({first, MiniLM(folder, max_tokens=11).fingerprint(), MiniLM(folder, max_tokens=12, bf16=True).fingerprint()}) == 3
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert MiniLM(tmp_path, max_tokens=12).fingerprint() == first
    torch.manual_seed(1)
    BertModel(BertConfig.from_pretrained(folder)).save_pretrained(tmp_path)
    assert MiniLM(tmp_path, max_tokens=12).fingerprint() != first


def test_fetch_takes_the_pinned_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(MiniLM.__init__, "__kwdefaults__", {"max_tokens": 12, "batch_tokens": 2048, "bf16": False})
    monkeypatch.setattr(minilm, "fetch", lambda name: asked.append(name) or folder)
    assert MiniLM.fetch().dim == 16
    assert asked == ["minilm"]


def test_bad_use_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json, model\.safetensors, tokenizer\.json"):
        MiniLM(tmp_path)
    for bad in ({"max_tokens": 2}, {"max_tokens": 33}, {"batch_tokens": 0}):
        with pytest.raises(InputError):
            MiniLM(folder, **bad)

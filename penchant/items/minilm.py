"""MiniLM: the sentence encoder all-MiniLM-L6-v2 (384 numbers a text, 22M parameters), read from a local folder.

Mean over the tokens, then unit length, as its makers do it. English first of all.

Letters: b texts of a batch, T tokens, D = hidden size of the model (384).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from tokenizers import Tokenizer

from penchant.core.assets import fetch
from penchant.core.errors import require
from penchant.items.encoders import unit_rows

_FILES = ("config.json", "model.safetensors", "tokenizer.json")
_CHARACTERS = 20_000  # longer texts are cut before they are split into tokens; only the first 256 tokens are read anyway
_BLOCK = 2048  # texts split into tokens and sorted by length at a time
_MARKS = 2  # tokens that every text gets: its start and its end


class MiniLM:
    """A BERT sentence encoder.

    Args:
        folder: Holds ``config.json``, ``model.safetensors`` and ``tokenizer.json``.
        max_tokens: Longer texts are cut.
        batch_tokens: Tokens in a batch, padding included. Texts of like length share a batch.
        bf16: Compute in bfloat16: about twice as fast on processors with AMX or AVX512-BF16 (cosine to float32 above
            0.999), but a vector then depends on the batch by about 1e-2. Off by default.

    Raises:
        InputError: The folder lacks a file, or a number is too small.
    """

    name = "all-MiniLM-L6-v2"

    def __init__(self, folder: Path, *, max_tokens: int = 256, batch_tokens: int = 2048, bf16: bool = False) -> None:
        folder = Path(folder)
        missing = [file for file in _FILES if not (folder / file).is_file()]
        require(not missing, f"folder={folder}", f"it lacks {', '.join(missing)}", "pass the model's folder, or use MiniLM.fetch()")
        require(max_tokens > _MARKS, f"max_tokens={max_tokens}", "two tokens mark start and end", "pass max_tokens>=3")
        require(batch_tokens >= 1, f"batch_tokens={batch_tokens}", "a batch holds at least one text", "pass batch_tokens>=1")
        self.max_tokens = max_tokens
        self.batch_tokens = batch_tokens
        self.bf16 = bf16
        self._folder = folder
        self._fingerprint = ""
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.no_padding()
        self._model = _load(folder)
        require(
            max_tokens <= self._model.config.max_position_embeddings,
            f"max_tokens={max_tokens}",
            f"the model reads at most {self._model.config.max_position_embeddings}",
            "pass a smaller number",
        )

    @classmethod
    def fetch(cls, *, bf16: bool = False) -> Self:
        """The pinned model, downloaded once for each user of the machine.

        Raises:
            AssetError: It is not there yet and cannot be downloaded.
        """
        return cls(fetch("minilm"), bf16=bf16)

    @property
    def dim(self) -> int:
        return int(self._model.config.hidden_size)

    def fingerprint(self) -> str:
        """SHA-256 over the files and settings."""
        if not self._fingerprint:
            digest = hashlib.sha256(f"mean-pooled {self.max_tokens} {self.bf16}".encode())
            for file in _FILES:
                with (self._folder / file).open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """float32[n, D]; see ``TextEncoder.encode``. May be called from several threads."""
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for start in range(0, len(texts), _BLOCK):
            block = [text[:_CHARACTERS] for text in texts[start : start + _BLOCK]]
            tokens = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(block)]
            for rows in self._batches(tokens):
                vectors[start + rows] = self._forward([tokens[row] for row in rows])
        return vectors

    def _batches(self, tokens: list[list[int]]) -> Iterator[np.ndarray]:
        """Rows of like length, shortest first; texts without any token are left out."""
        lengths = np.array([len(ids) for ids in tokens])
        order = np.argsort(lengths, kind="stable")
        order = order[lengths[order] > _MARKS]
        start = 0
        while start < len(order):
            # Padded to its last text, a batch of m texts costs m * lengths[last]: grow m while that fits.
            cost = np.arange(1, len(order) - start + 1) * lengths[order[start:]]
            size = max(1, int(np.searchsorted(cost, self.batch_tokens, side="right")))
            yield order[start : start + size]
            start += size

    def _forward(self, tokens: list[list[int]]) -> np.ndarray:
        """float32[b, D] of b token lists."""
        width = max(len(ids) for ids in tokens)
        padded = torch.tensor([ids + [0] * (width - len(ids)) for ids in tokens])  # [b, T]
        mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids in tokens])
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            states = self._model(input_ids=padded, attention_mask=mask).last_hidden_state.float()  # [b, T, D]
        weights = mask[:, :, None].float()
        return unit_rows(((states * weights).sum(dim=1) / weights.sum(dim=1)).numpy())


def _load(folder: Path) -> Any:
    """The network in float32, without a progress bar and without asking the network for anything."""
    from transformers import AutoModel  # seconds to import, and not every process encodes
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=torch.float32).eval()
    finally:
        if shown:
            logging.enable_progress_bar()

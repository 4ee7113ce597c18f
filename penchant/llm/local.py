"""A language model in this process: any causal model of transformers with a chat template, from a folder.

Letters: b questions of a batch.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import torch

from penchant.core.errors import AnswerError, AssetError, InputError, PenchantError, require
from penchant.core.folders import file_hash
from penchant.llm import smollm2
from penchant.llm.guided import Guidance, Guides
from penchant.llm.model import Ask, Choice, Choose, Completion, Message
from penchant.llm.options import OptionTree, SharedPrompt, scores, shared
from penchant.llm.quiet import no_progress_bars

T = TypeVar("T")
_VERSION = 1  # of how answers are made here; a change makes older answers in a cache another model's
_FILES = "*.safetensors", "*.json", "*.jinja"


class LocalModel:
    """Texts and choices from a network in this process. May be called from several threads, which take turns.

    Choices are of exact likelihoods: one pass over prompt and options, nothing is generated. Texts with a schema are held to it while
    they are written (``penchant.llm.guided``).

    Args:
        folder: Holds weights as safetensors, tokenizer, settings and chat template.
        name: For people; by default the folder's.
        bf16: Compute in bfloat16; by default where the processor multiplies in it, which is about three times as fast. Answers then
            depend on their batch in the third digit of their scores.
        batch_tokens: Of the prompts and options, or prompts and texts, that are computed at once.
        most: Tokens of a prompt; more are refused, as the network would see only a part.

    Raises:
        AssetError: There is no such model in the folder.
        InputError: A number is out of its range.
    """

    def __init__(
        self, folder: Path, *, name: str | None = None, bf16: bool | None = None, batch_tokens: int = 2048, most: int = 2048
    ) -> None:
        require(batch_tokens >= 1, f"batch_tokens={batch_tokens}", "a batch holds at least one token", "pass batch_tokens>=1")
        require(most >= 1, f"most={most}", "a prompt has at least one token", "pass most>=1")
        self.name, self.folder, self.batch_tokens = name or Path(folder).name, Path(folder), batch_tokens
        bf16 = torch.cpu._is_avx512_bf16_supported() if bf16 is None else bf16
        self._tokenizer, self._network = _load(self.folder, torch.bfloat16 if bf16 else torch.float32)
        self._end = int(self._tokenizer.eos_token_id)
        self.most = min(most, int(self._network.config.max_position_embeddings))
        marks = [str(one) for one in self._tokenizer.added_tokens_decoder.values()]
        self._marks = re.compile("|".join(map(re.escape, sorted(marks, key=len, reverse=True))))
        self._start, self._guides = SharedPrompt(self._network), Guides(self._tokenizer, int(self._network.config.vocab_size))
        self._trees: dict[tuple[str, ...], OptionTree] = {}
        self._lock, self._fingerprint = threading.Lock(), ""

    @classmethod
    def fetch(cls) -> Self:
        """SmolLM2-135M-Instruct, fetched once for each user of the machine.

        Raises:
            AssetError: It is not there yet and cannot be fetched.
        """
        return cls(smollm2.folder(), name=smollm2.NAME)

    def fingerprint(self) -> str:
        """SHA-256 over the files and how they are computed with."""
        if not self._fingerprint:
            digest = hashlib.sha256(f"local {_VERSION} {self._network.dtype}".encode())
            for path in sorted(path for kind in _FILES for path in self.folder.glob(kind)):
                digest.update(f"{path.name} {file_hash(path)}".encode())
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def complete(self, asks: Sequence[Ask]) -> list[Completion | PenchantError]:
        """See ``LanguageModel``. Texts of like prompts are written together."""
        answers: list[Completion | PenchantError | None] = [None] * len(asks)
        prompts = self._prompts([ask.messages for ask in asks], [ask.max_tokens for ask in asks], answers)
        with self._lock:
            for rows in _batches({row: len(prompt) + asks[row].max_tokens for row, prompt in prompts.items()}, self.batch_tokens):
                self._write(rows, asks, prompts, answers)
        return _whole(answers)

    def choose(self, chooses: Sequence[Choose]) -> list[Choice | PenchantError]:
        """See ``LanguageModel``. Scores are exact: of an option all its tokens, and the end where another option goes on from it."""
        answers: list[Choice | PenchantError | None] = [None] * len(chooses)
        longest = [max(len(option.encode()) for option in one.options) for one in chooses]  # bytes are at least as many as tokens
        prompts = self._prompts([one.messages for one in chooses], longest, answers)
        with self._lock:
            for options in dict.fromkeys(one.options for one in chooses):
                tree = self._tree(options)
                which = {row: prompt for row, prompt in prompts.items() if chooses[row].options == options}
                begun = shared(list(which.values()))
                sizes = {row: len(prompt) - begun + len(tree.tokens) for row, prompt in which.items()}
                for rows in _batches(sizes, self.batch_tokens):
                    with torch.inference_mode():
                        found = scores(self._start, [which[row] for row in rows], begun, tree)
                    for row, values in zip(rows, found, strict=True):
                        answers[row] = Choice(int(values.argmax()), values, read=len(which[row]))
        return _whole(answers)

    def _prompts(self, conversations: Sequence[tuple[Message, ...]], room: Sequence[int], answers: list[Any]) -> dict[int, list[int]]:
        """Tokens by row; rows that are too long have their reason among the answers instead."""
        found = {}
        for row, messages in enumerate(conversations):
            turns = [{"role": one.role, "content": self._marks.sub(_split, one.content)} for one in messages]
            text = self._tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
            tokens = self._tokenizer(text, add_special_tokens=False)["input_ids"]
            most = min(self.most, int(self._network.config.max_position_embeddings) - room[row])
            if len(tokens) > most:
                rule = f"{self.name} reads at most {most:,} beside what it is to write"
                answers[row] = InputError(f"a prompt of {len(tokens):,} tokens", rule, "shorten it, or take another model")
            else:
                found[row] = tokens
        return found

    def _tree(self, options: tuple[str, ...]) -> OptionTree:
        if options not in self._trees:
            tokens = [self._tokenizer(self._marks.sub(_split, one), add_special_tokens=False)["input_ids"] for one in options]
            self._trees[options] = OptionTree.of(tokens, self._end)
        return self._trees[options]

    def _write(self, rows: list[int], asks: Sequence[Ask], prompts: dict[int, list[int]], answers: list[Any]) -> None:
        """The texts of some rows, padded in front to one length."""
        matchers: dict[int, Any] = {}
        for row in rows:
            try:
                schema = asks[row].schema
                matchers[row] = None if schema is None else self._guides.of(schema)
            except InputError as error:
                answers[row] = error
        rows = list(matchers)
        if not rows:
            return
        width = max(len(prompts[row]) for row in rows)
        tokens = torch.tensor([[self._end] * (width - len(prompts[row])) + prompts[row] for row in rows])
        seen = torch.tensor([[0] * (width - len(prompts[row])) + [1] * len(prompts[row]) for row in rows])
        guidance = Guidance([asks[row] for row in rows], list(matchers.values()), width, self._end)
        most = max(asks[row].max_tokens for row in rows)
        with torch.inference_mode():
            written = self._network.generate(
                tokens, attention_mask=seen, logits_processor=[guidance], max_new_tokens=most, do_sample=False, pad_token_id=self._end
            )
        for row, found in zip(rows, written[:, width:].tolist(), strict=True):
            answers[row] = self._completion(asks[row], found, len(prompts[row]))

    def _completion(self, ask: Ask, tokens: list[int], read: int) -> Completion | PenchantError:
        ended = self._end in tokens[: ask.max_tokens + 1]
        tokens = tokens[: tokens.index(self._end)] if self._end in tokens else tokens
        text = self._tokenizer.decode(tokens, skip_special_tokens=True)
        if ask.schema is not None and not self._guides.whole(ask.schema, tokens):
            return AnswerError(
                f"{text[:80]!r}", f"the text is not at its end after {len(tokens)} tokens", "raise max_tokens, or bound the schema"
            )
        return Completion(text.strip(), cut=not ended or len(tokens) >= ask.max_tokens, read=read, written=len(tokens))


def _load(folder: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    """Tokenizer and network, without a progress bar and without asking the network for anything."""
    from transformers import AutoModelForCausalLM, AutoTokenizer  # seconds to import, and not every process needs it

    try:
        with no_progress_bars():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            network = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=dtype).eval()
    except (OSError, ValueError) as error:
        wrong = str(error).splitlines()[0][:200]
        raise AssetError(
            f"model={folder}", f"transformers find no causal model there ({wrong})", "pass a folder with safetensors"
        ) from error
    require(bool(tokenizer.chat_template), f"model={folder}", "it has no chat template", "pass a model that was taught to chat", AssetError)
    return tokenizer, network


def _split(mark: re.Match[str]) -> str:
    """A token that steers the network, written in a text of someone: taken apart, so that it is read as what it looks like."""
    return f"{mark[0][:1]} {mark[0][1:]}"


def _batches(sizes: dict[int, int], most: int) -> Iterator[list[int]]:
    """Rows of like size, so many that all of them together, padded, have at most ``most`` tokens, or one row."""
    batch: list[int] = []
    for row in sorted(sizes, key=lambda row: sizes[row]):
        if batch and sizes[row] * (len(batch) + 1) > most:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _whole(answers: Sequence[T | None]) -> list[T]:
    found = [one for one in answers if one is not None]
    if len(found) != len(answers):
        raise RuntimeError("a question was left without an answer")
    return found

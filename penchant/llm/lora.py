"""A local language model taught by examples: LoRA (Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models").

Beside some matrices of the network stand products of two thin ones, which alone are trained; when they are done, they are added to the
matrices, so that the taught model is as fast as the one before. Needs the extra ``llm``.

Letters: n examples, b of a batch, S tokens of a row, A answer tokens of a batch, D width, V vocabulary.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from penchant.core.errors import AssetError, PenchantError, TrainingError, require
from penchant.core.progress import progress
from penchant.core.seeds import generator
from penchant.core.settings import Settings
from penchant.llm.extra import needed
from penchant.llm.local import LocalModel
from penchant.llm.model import Message
from penchant.llm.quiet import no_progress_bars

_LOG = "tuning.json"
_SHUFFLE = 1  # a purpose of the seed


class LoraSettings(Settings):
    """How a model is taught.

    A step computes the network forwards and backwards on ``batch`` examples: about 4 x (parameters without the token table) floating
    point operations a token, a third less than training all weights. Memory is that of the network twice, as it is copied, and what
    ``batch`` rows leave in it.
    """

    steps: int = Field(default=40, ge=1, description="optimiser steps")
    batch: int = Field(default=4, ge=1, description="examples a step")
    learning_rate: float = Field(default=1e-3, gt=0, description="at the first step; falls in a line to 0 after the last")
    rank: int = Field(default=8, ge=1, description="width of the thin matrices")
    alpha: float = Field(default=16.0, gt=0, description="their product counts alpha / rank times")
    dropout: float = Field(default=0.05, ge=0, lt=1, description="share of their inputs that is left out while training")
    targets: tuple[str, ...] = Field(default=("q_proj", "v_proj"), min_length=1, description="names of the layers that get them")
    clip: float = Field(default=1.0, gt=0, description="norm of the gradients, at most")
    seed: int = Field(default=0, ge=0, description="of weights, order and dropout")


@dataclass(frozen=True)
class Example:
    """What a model is to say.

    Attributes:
        messages: The conversation, ending with the user; nothing of it is learnt.
        answer: What is learnt, with the end of the text after it.
    """

    messages: tuple[Message, ...]
    answer: str


@dataclass(frozen=True)
class Tuned:
    """A taught model.

    Attributes:
        model: Answers like any other. Its fingerprint is of its weights, so answers of the model it was made of are not taken for its own.
        losses: float64[steps], mean negative log-likelihood in nats an answer token, of each step's batch before the step.
        seconds: That the steps took.
    """

    model: LocalModel
    losses: np.ndarray
    seconds: float


def tune(model: LocalModel, examples: Sequence[Example], folder: Path, settings: LoraSettings | None = None) -> Tuned:
    """Teach a copy of a model; the model itself stays as it is.

    Sums are added to weights in float32 and rounded to the type that the model computes in: changes smaller than half of a weight's last
    digit are lost in bfloat16, which is why the learning rate is not a small one.

    Args:
        model: What is taught.
        examples: n of them, longer ones than the model reads are refused.
        folder: Where the taught model is written, as transformers load it; ``open_tuned`` opens it again.
        settings: How.

    Raises:
        InputError: There is no example, or one is too long.
        AssetError: The extra ``llm`` is not installed, or the network has no layers of the names that are to be taught.
        TrainingError: The loss is not a number.
    """
    settings = settings or LoraSettings()
    require(len(examples) > 0, "examples=[]", "something is learnt from examples", "pass one or more")
    rows = _tokens(model, examples)
    began = time.monotonic()
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        network = _with_lora(model, settings)
        losses = _train(network, rows, settings)
    seconds = time.monotonic() - began
    merged: Any = network.float().merge_and_unload().to(model._network.dtype)
    folder.mkdir(parents=True, exist_ok=True)
    with no_progress_bars():
        merged.save_pretrained(folder)
        model._tokenizer.save_pretrained(folder)
    told = {"name": f"{model.name} + LoRA", "of": model.fingerprint(), "settings": settings.plain(), "losses": losses.tolist()}
    (folder / _LOG).write_text(json.dumps({**told, "seconds": seconds}, indent=1), encoding="utf-8")
    return open_tuned(folder, like=model)


def open_tuned(folder: Path, *, like: LocalModel | None = None) -> Tuned:
    """A taught model from its folder.

    Args:
        folder: As ``tune`` wrote it.
        like: Computes in the same type and in batches of the same size; None chooses as ``LocalModel`` does.

    Raises:
        AssetError: There is none.
    """
    path = Path(folder) / _LOG
    require(path.is_file(), f"folder={folder}", "no model was taught there", "pass a folder that tune wrote", AssetError)
    told = json.loads(path.read_text(encoding="utf-8"))
    if like is None:
        model = LocalModel(folder, name=told["name"])
    else:
        bf16 = like._network.dtype == torch.bfloat16
        model = LocalModel(folder, name=told["name"], bf16=bf16, batch_tokens=like.batch_tokens, most=like.most)
    return Tuned(model, np.array(told["losses"], np.float64), float(told["seconds"]))


def answer_losses(model: LocalModel, examples: Sequence[Example]) -> np.ndarray:
    """float64[n], negative log-likelihood in nats a token of each answer; the end of the text counts as one.

    Args:
        model: Says how likely they are; one pass forwards a row, nothing is written.
        examples: n of them.

    Raises:
        InputError: One is too long.
    """
    found = np.empty(len(examples))
    with torch.inference_mode():
        for place, row in enumerate(_tokens(model, examples)):
            found[place] = float(_loss(model._network, [row]))
    return found


@dataclass(frozen=True)
class _Row:
    """Tokens of an example.

    Attributes:
        tokens: Prompt and answer.
        prompt: Tokens of the prompt.
    """

    tokens: list[int]
    prompt: int


def _tokens(model: LocalModel, examples: Sequence[Example]) -> list[_Row]:
    answers = [
        [*model._tokenizer(model._marks.sub(" ", one.answer), add_special_tokens=False)["input_ids"], model._end] for one in examples
    ]
    reasons: list[Any] = [None] * len(examples)
    prompts = model._prompts([one.messages for one in examples], [len(one) for one in answers], reasons)
    for reason in reasons:
        if isinstance(reason, PenchantError):
            raise reason
    return [_Row(prompts[place] + answer, len(prompts[place])) for place, answer in enumerate(answers)]


def _with_lora(model: LocalModel, settings: LoraSettings) -> Any:
    peft = needed("peft")
    network = copy.deepcopy(model._network)
    names = {name.rpartition(".")[2] for name, _ in network.named_modules()}
    missing = sorted(set(settings.targets) - names)
    require(not missing, f"targets={missing}", f"{model.name} has no layers of these names", "name some that it has", AssetError)
    config = peft.LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
        task_type="CAUSAL_LM",
    )
    return peft.get_peft_model(network, config)


def _train(network: Any, rows: Sequence[_Row], settings: LoraSettings) -> np.ndarray:
    """float64[steps], losses."""
    network.train()
    taught = [one for one in network.parameters() if one.requires_grad]
    optimiser = torch.optim.AdamW(taught, lr=settings.learning_rate, weight_decay=0.0)
    falling = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / settings.steps)
    losses = np.empty(settings.steps)
    with progress("teach", settings.steps, unit="step") as bar:
        for step, batch in zip(range(settings.steps), _batches(len(rows), settings), strict=False):
            loss = _loss(network.base_model.model, [rows[one] for one in batch])
            losses[step] = loss.item()
            require(bool(np.isfinite(losses[step])), f"step {step}", "the loss is not a number", "lower learning_rate", TrainingError)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(taught, settings.clip)
            optimiser.step()
            falling.step()
            optimiser.zero_grad()
            bar.update()
    network.eval()
    return losses


def _batches(count: int, settings: LoraSettings) -> Iterator[list[int]]:
    """Numbers of examples, without end: all of them in a new order, again and again."""
    waiting: list[int] = []
    epoch = 0
    while True:
        while len(waiting) < settings.batch:
            waiting += generator(settings.seed, _SHUFFLE, epoch).permutation(count).tolist()
            epoch += 1
        yield waiting[: settings.batch]
        del waiting[: settings.batch]


def _loss(network: Any, rows: Sequence[_Row]) -> torch.Tensor:
    """Mean over the A answer tokens. Only where these are told is the product with the table of V tokens made.

    Rows are padded behind. A causal network needs no mask then: nothing looks at what comes after it.
    """
    width = max(len(row.tokens) for row in rows)
    tokens = torch.tensor([row.tokens + [0] * (width - len(row.tokens)) for row in rows])  # [b, S]
    hidden = network.model(tokens, use_cache=False).last_hidden_state  # [b, S, D]
    places = [(one, place) for one, row in enumerate(rows) for place in range(row.prompt - 1, len(row.tokens) - 1)]
    which, where = (torch.tensor(found) for found in zip(*places, strict=True))
    logits = network.lm_head(hidden[which, where]).float()  # [A, V]
    return torch.nn.functional.cross_entropy(logits, tokens[which, where + 1])

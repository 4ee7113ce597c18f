"""LLM4DSR (Zhejiang University and OPPO, TOIS 2025, arXiv:2408.08208): a language model learns to find noise in histories by itself.

Flow     histories -> one item of each replaced by one of chance -> LoRA on "which is noise, and what stood there" -> likelihood of each
         title as the answer -> the more likely, the more suspect
Departs  the whole title's likelihood, not that of its first token; a model of 135M parameters in place of 8B, a few hundred examples;
         what is measured is finding noise, not yet what a recommender gains from histories that were corrected
Letters  R measured sequences, E events
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

import numpy as np

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.claims.world import World
from penchant.core.errors import InputError
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.data.planted_noise import planted
from penchant.llm.lora import LoraSettings
from penchant.models.denoise import Denoiser, Guess, NoiseReader, Rare, Unlike, Unlikely, detection
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.recipes.language.shared import language_model
from penchant.recipes.language.teaching import taught
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "LLM4DSR",
    "LLM4DSR: Leveraging Large Language Model for Denoising Sequential Recommendation",
    "Zhejiang University and OPPO, TOIS 2025",
    "arXiv:2408.08208",
)
LENGTHS = 4, 8  # of a sequence: fewer events are none, of more the newest count
MEASURED = 150  # sequences with noise, drawn once
SHARE = 0.1  # of training events that are noise
_PICK = 5  # a purpose of the seed


class By(StrEnum):
    """What suspects items."""

    TAUGHT = "taught"  #: A language model that learnt it.
    UNTAUGHT = "untaught"  #: The same model before.
    SEQUENCES = "sequences"  #: SASRec, trained on the noisy histories.
    TEXTS = "texts"  #: Text vectors.
    COUNTS = "counts"  #: How popular items are.
    CHANCE = "chance"  #: Nothing.


def build(
    lab: Lab,
    *,
    language: str | None = "",
    by: By = By.TAUGHT,
    learners: int = 400,
    learning_rate: float = 1e-3,
    sequence_steps: int = 600,
) -> Denoiser:
    """Train what suspects items, on noisy histories of which nobody says where the noise is.

    Args:
        lab: Its training events get the noise, the same for all seeds.
        language: See ``penchant.recipes.language.shared``; None where no model is asked.
        by: What suspects.
        learners: Sequences that a model is taught by; none of them is measured.
        learning_rate: Of teaching.
        sequence_steps: Of SASRec. A step of it costs a thousandth of one of the language model, so it has its own number of them.

    Raises:
        InputError: A model is to do it, and there is none.
    """
    noisy = planted(lab.train, lab.num_items, share=SHARE).histories
    counted: dict[By, Denoiser] = {By.CHANCE: Guess(lab.seed), By.COUNTS: Rare(np.bincount(noisy.items, minlength=lab.num_items + 1))}
    if by in counted:
        return counted[by]
    if by is By.TEXTS:
        return Unlike(lab.vectors)
    if by is By.SEQUENCES:
        return Unlikely(_sequences(lab, noisy, sequence_steps))
    if language is None:
        raise InputError("language=None", "a model reads the titles", "name a model, or let something else suspect")
    reader = NoiseReader(language_model(language), lab.catalog.titles())
    if by is By.UNTAUGHT:
        return reader
    _, others = drawn(lab.train, lab.num_items)
    lessons = reader.lessons(noisy.take(others[:learners]).last(LENGTHS[1]), lab.seed)
    return NoiseReader(taught(lab, reader.asked, lessons, LoraSettings(learning_rate=learning_rate)), lab.catalog.titles())


def _sequences(lab: Lab, noisy: Histories, steps: int) -> SASRec:
    training = TrainSettings(max_len=50, tokens=1024, learning_rate=2e-3, epochs=1000, steps=steps, seed=lab.seed)
    model = SASRec(lab.num_items, SASRecSettings())
    Trainer(training).fit(model, noisy, name="sasrec")
    return model.eval()


def drawn(train: Histories, num_items: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose newest events are measured, and the other rows, both in an order of chance that is always the same.

    Args:
        train: Histories before the noise.
        num_items: N.
    """
    found = planted(train, num_items, share=SHARE)
    newest = _newest(found.noise, train)
    noise = np.bincount(newest.rows, weights=newest.actions, minlength=len(train))
    long = train.lengths >= LENGTHS[0]
    order = generator(0, _PICK).permutation(len(train))
    fit = order[(long & (noise > 0) & (noise < newest.lengths))[order]][:MEASURED]
    return fit, order[(long & ~np.isin(np.arange(len(train)), fit))[order]]


def _newest(noise: np.ndarray, histories: Histories) -> Histories:
    """The newest events, with noise in place of actions, so that both are cut alike."""
    return replace(histories, actions=noise.astype(np.int8)).last(LENGTHS[1])


def measure(model: Denoiser, world: World) -> dict[str, np.ndarray]:
    """How well planted noise is found in training sequences, float[R].

    ``detection AUC`` is, of each sequence, the share of pairs of a planted item and another one in which the planted one is more
    suspect: 0.5 by chance.

    Args:
        model: Suspects.
        world: Has the training part.
    """
    split = world.split
    found = planted(split.train, split.num_items, share=SHARE)
    rows, _ = drawn(split.train, split.num_items)
    cut = _newest(found.noise, found.histories).take(rows)
    noise = cut.actions > 0
    cut = replace(cut, actions=np.zeros_like(cut.actions))
    return {"detection AUC": detection(model.suspicion(cut), noise, cut)}


TINY = {"language": None, "by": By.COUNTS}
_NOTE = (
    "SmolLM2-135M-Instruct and generated short titles stand in for Llama-3-8B and shop titles; 10% of the training events are replaced by "
    "items of which all are equally likely, so noise is mostly unpopular, which counting sees too. SASRec takes 600 steps of its own."
)
_UNTAUGHT = Arm("untaught", "llm4dsr", {"by": By.UNTAUGHT})
_TEXTS = Arm("text vectors", "llm4dsr", {"by": By.TEXTS, "language": None})
_SEQUENCES = Arm("SASRec's likelihood", "llm4dsr", {"by": By.SEQUENCES, "language": None})
_COUNTS = Arm("popularity", "llm4dsr", {"by": By.COUNTS, "language": None})
_CHANCE = Arm("chance", "llm4dsr", {"by": By.CHANCE, "language": None})


def _claim(name: str, says: str, rivals: list[Arm], controls: list[Arm]) -> Claim:
    return Claim(
        name=name,
        says=says,
        subject=Arm("taught", "llm4dsr"),
        rivals=rivals,
        controls=controls,
        dataset="amazon-beauty",
        metric="detection AUC",
        budget=Budget(steps=40),
        rows="sequences",
        shown=(),
        note=_NOTE,
    )


CLAIMS = [
    _claim(
        "noise-is-learnt", "A language model finds noise better once it has learnt to, on noise it made itself.", [_UNTAUGHT], [_CHANCE]
    ),
    _claim(
        "language-finds-noise",
        "A language model that learnt it finds noise better than text vectors and than a sequence model's likelihood.",
        [_TEXTS, _SEQUENCES],
        [_COUNTS],
    ),
]

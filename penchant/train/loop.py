"""The training loop: one for every network. It knows a model only as ``Trainable``, by its ``loss(batch)``.

    for each epoch: for each batch: loss, gradients, clip, step; then validate, keep the best, stop when it stalls

Devices, mixed precision and data parallelism come from accelerate.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from penchant.contracts import Trainable
from penchant.core.errors import TrainingError, require
from penchant.core.machine import matmul_peak, peak_memory_mb
from penchant.core.progress import note, track
from penchant.core.seeds import seed_everything
from penchant.data.batches import Batch, Batches, TrainingBatches
from penchant.data.histories import Histories
from penchant.train.checkpoint import Progress, load_checkpoint, save_checkpoint
from penchant.train.flops import count_flops
from penchant.train.log import RunLog
from penchant.train.optimisers import adamw
from penchant.train.settings import TrainSettings


@dataclass(frozen=True)
class TrainingRun:
    """What a finished run cost and reached.

    Attributes:
        best: Best validation metric (nan without validation) and the 1-based epoch it came from.
        positions_per_second: Targets trained on, a second of training time (validation excluded).
        mfu: Model FLOPs utilisation, 0..1, against the measured peak of the type used.
        log: One entry an epoch: epoch, loss, metric, seconds.
    """

    best: float
    best_epoch: int
    epochs: int
    steps: int
    seconds: float
    positions: int
    positions_per_second: float
    peak_mb: float
    parameters: int
    mfu: float
    log: list[dict[str, float]] = field(default_factory=list)


def hardware_bf16() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    capabilities = torch.backends.cpu.get_cpu_capability()
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: "AVX512" in capabilities)())


class _Loss(nn.Module):
    """A model whose ``forward`` is its loss, as data-parallel wrappers need it."""

    def __init__(self, model: Trainable) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Tensor:
        return self.model.loss(batch).total  # type: ignore[attr-defined]


class Trainer:
    """Trains one model.

    Args:
        settings: What to do.
        folder: For the log and the checkpoint; a run that was killed goes on from there. None keeps nothing.
        optimiser: Makes the optimiser of a network; AdamW by default. A group may carry ``rate_share``, its multiple of
            the run's learning rate.
    """

    def __init__(
        self,
        settings: TrainSettings,
        folder: Path | None = None,
        *,
        optimiser: Callable[[nn.Module, TrainSettings], torch.optim.Optimizer] = adamw,
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.optimiser = optimiser
        self.bf16 = settings.bf16 and hardware_bf16()

    def fit(
        self, model: Trainable, data: Histories | Batches, validate: Callable[[], float] | None = None, *, name: str = "model"
    ) -> TrainingRun:
        """Train in place and leave the weights of the best validation (the last ones without ``validate``).

        Args:
            data: What the model may learn from: histories, of which each event is a target once an epoch, or batches.
            validate: Called in evaluation mode after an epoch; the metric, higher is better.
            name: For progress and logs.

        Raises:
            TrainingError: There is nothing to train on, the loss is not finite, or a checkpoint has other settings.
        """
        settings = self.settings
        require(
            not isinstance(data, Histories) or data.num_events > 0,
            "no training events",
            "training needs at least one event",
            "check the split and the filters",
            TrainingError,
        )
        require(
            isinstance(model, nn.Module),
            type(model).__name__,
            "a trainable model is a torch.nn.Module",
            "derive from nn.Module",
            TrainingError,
        )
        seed_everything(settings.seed)
        accelerator = Accelerator(cpu=not torch.cuda.is_available())  # its precision is fixed once a process; ours is a run's
        wrapped = _Loss(model)
        network, optimiser = accelerator.prepare(wrapped, self.optimiser(wrapped, settings))
        batches = data
        if isinstance(data, Histories):
            batches = TrainingBatches(data, max_len=settings.max_len, tokens=settings.tokens, seed=settings.seed)
        progress, best = Progress(), {}
        checkpoint = self.folder / "checkpoint" if self.folder else None
        if checkpoint is not None and (checkpoint / "manifest.json").exists():
            progress, best = load_checkpoint(checkpoint, settings.plain(), wrapped, optimiser.optimizer)
            note(f"{name}: going on from epoch {progress.epoch + 1}, step {progress.step}")
        run = _Run(self, name, wrapped, network, optimiser, accelerator, batches, progress, best, checkpoint, RunLog(self.folder), validate)  # type: ignore[arg-type]
        try:
            run.all_epochs()
        finally:
            run.log.close()
        model.train(False)
        return run.result()


class _Run:
    """The state of one ``Trainer.fit``."""

    def __init__(
        self,
        trainer: Trainer,
        name: str,
        model: _Loss,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        accelerator: Accelerator,
        batches: Batches,
        progress: Progress,
        best: dict[str, Tensor],
        checkpoint: Path | None,
        log: RunLog,
        validate: Callable[[], float] | None,
    ) -> None:
        self.trainer, self.name, self.model, self.network, self.optimiser = trainer, name, model, network, optimiser
        self.settings, self.accelerator, self.batches = trainer.settings, accelerator, batches
        self.progress, self.best, self.checkpoint, self.log, self.validate = progress, best, checkpoint, log, validate
        self.planned = min(len(batches.plan(0)) * self.settings.epochs, self.settings.steps or 2**62)
        self.flops = self.flop_positions = 0
        self.saved_at = time.monotonic()

    def all_epochs(self) -> None:
        """Train until the epochs are used up or the metric stalls; an interrupt ends it between two steps, saved."""
        with deferred_interrupt() as asked:
            while not self.progress.done and self.progress.epoch < self.settings.epochs:
                self.one_epoch(asked)
                self.after_epoch()
        if self.best:
            self.model.load_state_dict(self.best)

    def one_epoch(self, asked: threading.Event) -> None:
        """The remaining batches of the current epoch."""
        progress, rank, world = self.progress, self.accelerator.process_index, self.accelerator.num_processes
        plan = self.batches.plan(progress.epoch)
        self.model.train()
        started, before = time.monotonic(), progress.seconds
        for index in track(range(progress.batch, len(plan)), f"{self.name}, epoch {progress.epoch + 1}"):
            rows = plan[index][rank::world] if len(plan[index]) >= world else plan[index]
            batch = self.batches.batch(rows).to(self.accelerator.device)
            loss = self.step(batch)
            progress.loss_sum += loss
            progress.batch, progress.step = index + 1, progress.step + 1
            progress.seconds = before + time.monotonic() - started
            if asked.is_set() or time.monotonic() - self.saved_at > self.settings.checkpoint_seconds:
                self.save()
            if asked.is_set():
                raise KeyboardInterrupt
            if self.spent():
                break

    def spent(self) -> bool:
        """Whether the budget of steps or of seconds is used up."""
        steps, seconds = self.settings.steps, self.settings.seconds
        return (steps is not None and self.progress.step >= steps) or (seconds is not None and self.progress.seconds >= seconds)

    def step(self, batch: Batch) -> float:
        """One optimiser step; returns the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate(self.progress.step, self.planned) * group.get("rate_share", 1.0)
        positions = batch.num_targets
        if self.flop_positions == 0:
            with torch.random.fork_rng():  # counting must not move the random state, or a resumed run would differ
                self.flops, self.flop_positions = count_flops(lambda: self.gradients(batch)), positions
            self.optimiser.zero_grad()
        value = self.gradients(batch)
        if not math.isfinite(value):
            raise TrainingError(
                f"loss={value}",
                f"step {self.progress.step} of {self.name} is not finite",
                "lower learning_rate or look for non-finite inputs",
            )
        self.accelerator.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.progress.positions += positions
        return value

    def gradients(self, batch: Batch) -> float:
        """Forward and backward; returns the loss."""
        with torch.autocast(self.accelerator.device.type, dtype=torch.bfloat16, enabled=self.trainer.bf16):
            loss = self.network(batch)
        self.accelerator.backward(loss)
        return float(loss.detach())

    def after_epoch(self) -> None:
        """Validate, log, keep the best, decide whether to stop."""
        progress, settings = self.progress, self.settings
        progress.epoch += 1
        loss = progress.loss_sum / max(1, progress.batch)
        progress.batch, progress.loss_sum = 0, 0.0
        entry = {"epoch": float(progress.epoch), "loss": loss, "seconds": progress.seconds}
        if self.validate is not None and (progress.epoch % settings.validate_every == 0 or self.ends()):
            self.model.train(False)
            entry["metric"] = metric = self.validate()
            if metric > progress.best:
                progress.best, progress.best_epoch, progress.waited = metric, progress.epoch, 0
                self.best = {key: value.detach().clone() for key, value in self.model.state_dict().items()}
            else:
                progress.waited += 1
            progress.done = progress.waited >= settings.patience
        progress.done |= self.ends()
        progress.log.append(entry)
        rate = progress.positions / max(progress.seconds, 1e-9)
        self.log.write(progress.step, **entry, positions_per_second=rate, mfu=self.mfu())
        shown = f", metric {entry['metric']:.4f}" if "metric" in entry else ""
        note(f"{self.name}: epoch {progress.epoch}, loss {loss:.3f}{shown}, {rate:,.0f} targets/s")
        if progress.done or time.monotonic() - self.saved_at > settings.checkpoint_seconds:
            self.save()

    def ends(self) -> bool:
        """Whether this was the last epoch, whatever the metric says."""
        return self.progress.epoch >= self.settings.epochs or self.spent()

    def mfu(self) -> float:
        """Model FLOPs utilisation so far."""
        counted = self.flops / max(1, self.flop_positions) * self.progress.positions
        return counted / max(self.progress.seconds, 1e-9) / matmul_peak(torch.bfloat16 if self.trainer.bf16 else torch.float32)

    def save(self) -> None:
        """Write the checkpoint, if the run has a folder."""
        if self.checkpoint is not None and self.accelerator.is_main_process:
            save_checkpoint(
                self.checkpoint,
                self.settings.plain(),
                self.model,
                self.best,
                getattr(self.optimiser, "optimizer", self.optimiser),
                self.progress,
            )
        self.saved_at = time.monotonic()

    def result(self) -> TrainingRun:
        """The summary of the run."""
        progress = self.progress
        return TrainingRun(
            best=progress.best if progress.best_epoch > 0 else math.nan,
            best_epoch=progress.best_epoch,
            epochs=progress.epoch,
            steps=progress.step,
            seconds=progress.seconds,
            positions=progress.positions,
            positions_per_second=progress.positions / max(progress.seconds, 1e-9),
            peak_mb=peak_memory_mb(),
            parameters=sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad),
            mfu=self.mfu() if self.flop_positions else math.nan,
            log=progress.log,
        )


@contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Hold a first Ctrl-C back and say so by the event, so that no step is torn; a second one goes through at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGINT)

    def note_it(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note_it)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)

"""What a training run is asked to do."""

from __future__ import annotations

import math

from pydantic import Field

from penchant.core.settings import Settings


class TrainSettings(Settings):
    """Settings of one run.

    A step is one batch; an epoch is one pass over all windows. The learning rate rises linearly over
    ``warmup_steps`` and falls by a cosine to ``final_share`` of its top over the steps planned.
    """

    epochs: int = Field(default=30, ge=1, description="passes over the data, at most")
    steps: int | None = Field(default=None, ge=1, description="batches, at most")
    seconds: float | None = Field(default=None, gt=0, description="training time, at most; validation is not counted")
    tokens: int = Field(default=4096, ge=2, description="padded steps a batch, at most")
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup_steps: int = Field(default=100, ge=0)
    final_share: float = Field(default=0.1, ge=0, le=1)
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    patience: int = Field(default=3, ge=1, description="validations without a better metric before stopping")
    validate_every: int = Field(default=1, ge=1, description="epochs between validations")
    checkpoint_seconds: float = Field(default=60.0, gt=0, description="time between checkpoints")
    bf16: bool = Field(default=True, description="bfloat16 autocast where the device does it in hardware")
    seed: int = 0

    def rate(self, step: int, planned_steps: int) -> float:
        """The learning rate of step ``step`` (0-based) out of ``planned_steps``."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        done = min(1.0, (step - self.warmup_steps) / max(1, planned_steps - self.warmup_steps))
        return self.learning_rate * (self.final_share + (1 - self.final_share) * 0.5 * (1 + math.cos(math.pi * done)))

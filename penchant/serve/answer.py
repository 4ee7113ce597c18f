"""What every answer of the service is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A part of an answer, or all of it; never changed once it is made."""

    model_config = ConfigDict(frozen=True)

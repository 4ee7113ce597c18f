"""What the service answers about answers of before."""

from __future__ import annotations

from pydantic import Field

from penchant.serve.answer import Answer


class AnswerOut(Answer):
    """A list that was answered, as it is kept."""

    request_id: str
    at: float = Field(description="UTC seconds.")
    user_id: str | None = Field(description="Null for nobody in particular, and for who opted out.")
    release: str
    rung: str
    items: list[str] = Field(description="Item ids, in the order shown.")
    propensities: list[float]
    experiments: dict[str, str]
    milliseconds: float
    replayable: bool = Field(description="Whether what made it is kept, too.")


class Placed(Answer):
    """One place of a list that was made again."""

    rank: int
    item_id: str
    title: str
    score: float
    sources: list[str]
    propensity: float
    reason: str


class ShiftOut(Answer):
    """An item that stands elsewhere."""

    item_id: str
    before: int | None = Field(description="Its place in the answer, from 1; null: it was not there.")
    after: int | None = Field(description="Its place now.")
    why: str


class ReplayOut(Answer):
    """An answer made again."""

    request_id: str
    release: str = Field(description="The release that made it now.")
    rung: str
    rules: str = Field(description="Version of the rules it followed now.")
    same: bool = Field(description="Items, scores and propensities are those of the answer, bit for bit.")
    items: list[Placed]
    generators: dict[str, str] = Field(description="Of each generator, whether it named now what it named then.")
    unknown: int = Field(description="Events and hidden items of then that this release does not have.")
    shifts: list[ShiftOut]

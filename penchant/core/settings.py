"""The base of every settings object: typed, frozen, and strict about unknown fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from penchant.core.errors import SettingsError


class Settings(BaseModel):
    """Settings of one part. Unknown fields and wrong types raise ``SettingsError``.

    Fields state their own rules with ``pydantic.Field(ge=..., description=...)``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _settings_error(type(self), error) from None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Build from a plain mapping, for example one read from JSON."""
        return cls(**values)

    def plain(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return self.model_dump(mode="json")

    def but(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated again."""
        return type(self)(**{**self.model_dump(), **changes})


def _settings_error(cls: type[Settings], error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or cls.__name__
    known = ", ".join(cls.model_fields)
    if first["type"] == "extra_forbidden":
        return SettingsError(f"{field}={first['input']!r}", f"{cls.__name__} has no field of that name", f"use one of: {known}")
    if first["type"] == "missing":
        return SettingsError(f"{field} is missing", f"{cls.__name__} needs it", f"pass {field}=...")
    return SettingsError(f"{field}={first['input']!r}", f"{cls.__name__}: {first['msg']}", f"pass a valid {field}")

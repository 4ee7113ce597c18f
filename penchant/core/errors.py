"""The one tree of errors.

    PenchantError
    ├── InputError          a value from the caller breaks a rule        (HTTP 422)
    │   ├── SettingsError   a settings object was given such a value
    │   └── UnknownIdError  an id that is in no catalogue, user list or release (HTTP 404)
    ├── DataError           a data set cannot be read, or too much of it was refused
    ├── ArtifactError       a saved artifact is missing, incomplete or altered
    ├── AssetError          a download failed from every source
    ├── StorageError        the disk refused a write
    ├── UnavailableError    a part that runs in another process does not answer
    ├── AnswerError         what a language model answered is of no use
    ├── BudgetError         a limit of spending is reached
    └── TrainingError       training cannot start or go on (for example a loss that is not finite)

Every message has three parts, in one line: the value, the rule it breaks, and the remedy, as in
``levels=0: a quantiser needs at least one level; pass levels>=1``.
"""

from __future__ import annotations


class PenchantError(Exception):
    """Base of all errors raised on purpose.

    Args:
        value: What was found, with its name, e.g. ``"levels=0"``.
        rule: The rule it breaks, e.g. ``"a quantiser needs at least one level"``.
        remedy: What to do about it, e.g. ``"pass levels>=1"``.
    """

    def __init__(self, value: str, rule: str, remedy: str) -> None:
        super().__init__(value, rule, remedy)  # all three, so that copies and other processes keep them
        self.value = value
        self.rule = rule
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.value}: {self.rule}; {self.remedy}"


class InputError(PenchantError, ValueError):
    """A value from the caller breaks a rule."""


class SettingsError(InputError):
    """A settings object was given a value that breaks a rule, or a field it does not have."""


class UnknownIdError(InputError):
    """An id that no catalogue, user list or release knows."""


class DataError(PenchantError):
    """A data set cannot be read, or too much of it was refused."""


class ArtifactError(PenchantError):
    """A saved artifact is missing, incomplete, altered, or of another kind or version."""


class AssetError(PenchantError):
    """A pinned download could not be had from any of its sources."""


class StorageError(PenchantError):
    """The disk refused a write."""


class UnavailableError(PenchantError):
    """A part that runs in another process is not there, or does not answer."""


class AnswerError(PenchantError):
    """What a language model answered is of no use: refused, malformed, or cut short."""


class BudgetError(PenchantError):
    """A limit of spending is reached; what was done is kept."""


class TrainingError(PenchantError):
    """Training cannot start or go on."""


def require(condition: bool, value: str, rule: str, remedy: str, error: type[PenchantError] = InputError) -> None:
    """Raise ``error(value, rule, remedy)`` unless ``condition`` holds."""
    if not condition:
        raise error(value, rule, remedy)

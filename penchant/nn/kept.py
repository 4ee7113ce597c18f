"""What follows from the weights alone, computed once as long as they rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

from torch import nn

T = TypeVar("T")


class Kept(nn.Module):
    """A network that keeps one derived value, such as final item vectors, while in evaluation mode.

    It is dropped when the mode is set, even to the same one, and when weights are loaded. Whoever changes weights in
    evaluation mode by hand calls ``eval()`` afterwards.
    """

    _value: Any = None

    def kept(self, make: Callable[[], T]) -> T:
        """What ``make`` gives, made anew at each call while training."""
        if self.training:
            return make()
        if self._value is None:
            self._value = make()
        return self._value

    def train(self, mode: bool = True) -> Self:
        """Set the mode, and forget."""
        self._value = None
        return super().train(mode)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load weights, and forget."""
        self._value = None
        return super().load_state_dict(state_dict, strict, assign)

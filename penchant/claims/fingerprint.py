"""A hash of an object by what it is made of: the same in every process for objects that will behave alike.

Settings, arrays, tensors, modules, containers, functions with what they enclose, and plain objects by their attributes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cached_property, partial
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any

import numpy as np
import torch

from penchant.core.errors import InputError
from penchant.core.settings import Settings

_SIMPLE = (type(None), bool, int, float, complex, str, bytes, Enum, Path, torch.dtype, torch.device, np.dtype, np.generic)


def fingerprint(value: Any) -> str:
    """SHA-256 of all that the object holds.

    Raises:
        InputError: It holds something that cannot be told apart by what is in it, such as an open file or a generator.
    """
    digest = hashlib.sha256()
    for part in _parts(value, []):
        digest.update(part)
        digest.update(b"\0")
    return digest.hexdigest()


def _parts(value: Any, path: list[int]) -> Iterator[bytes]:
    """Bytes in an order of their own; ``path`` holds what is being taken apart, as objects may hold each other."""
    yield f"{type(value).__module__}.{type(value).__qualname__}".encode()
    if isinstance(value, _SIMPLE):
        yield repr(value).encode()
    elif isinstance(value, type | BuiltinFunctionType):
        yield f"{value.__module__}.{value.__qualname__}".encode()
    elif isinstance(value, torch.Tensor):
        yield from _array(
            value.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy() if value.numel() else np.empty(0), value.shape
        )
        yield str(value.dtype).encode()
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield from _array(value, value.shape)
        yield str(value.dtype).encode()
    elif isinstance(value, Settings):
        yield repr(sorted(value.plain().items())).encode()
    elif id(value) in path:
        yield str(len(path) - path.index(id(value))).encode()
    else:
        inside = _inside(value)
        yield str(len(inside)).encode()
        for part in inside:
            yield from _parts(part, [*path, id(value)])


def _array(rows: np.ndarray, shape: tuple[int, ...]) -> Iterator[bytes]:
    yield str(tuple(shape)).encode()
    yield np.ascontiguousarray(rows).tobytes()


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [part for pair in sorted(value.items(), key=lambda pair: repr(pair[0])) for part in pair]
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, MethodType):
        return [value.__func__.__qualname__, value.__self__]
    if isinstance(value, FunctionType):
        enclosed = [cell.cell_contents for cell in value.__closure__ or ()]
        return [value.__module__, value.__qualname__, value.__code__, value.__defaults__, value.__kwdefaults__, enclosed]
    if isinstance(value, CodeType):
        return [value.co_code, value.co_names, value.co_consts]
    if hasattr(value, "__dict__"):  # without what it has worked out from the rest, sooner or later
        worked_out = {name for kind in type(value).__mro__ for name, part in vars(kind).items() if isinstance(part, cached_property)}
        return [{name: part for name, part in vars(value).items() if name not in worked_out}]
    raise InputError(f"an object of class {type(value).__qualname__}", "it has no contents to be hashed", "keep it out of what is hashed")

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import ArtifactError, InputError
from penchant.core.sealed import sealed, unsealed

HOW = {"what": "a test's value", "remedy": "make it anew"}


@given(st.binary(max_size=200))
def test_a_body_comes_back(body: bytes) -> None:
    assert unsealed(b"ABC1", sealed(b"ABC1", body), **HOW) == body


@given(st.binary(max_size=50), st.data())
def test_whatever_is_changed_is_told(body: bytes, data: st.DataObject) -> None:
    stored = sealed(b"ABC1", body)
    place, bit = data.draw(st.integers(0, len(stored) - 1)), data.draw(st.integers(0, 7))
    spoilt = stored[:place] + bytes([stored[place] ^ 1 << bit]) + stored[place + 1 :]
    with pytest.raises(ArtifactError, match="a test's value: damaged, or of another version; make it anew"):
        unsealed(b"ABC1", spoilt, **HOW)
    with pytest.raises(ArtifactError):
        unsealed(b"ABC2", stored, **HOW)


def test_what_is_too_short_is_told() -> None:
    with pytest.raises(ArtifactError, match="0 bytes"):
        unsealed(b"ABC1", b"", **HOW)
    with pytest.raises(ArtifactError):
        unsealed(b"ABC1", sealed(b"ABC1", b"12"), least=3, **HOW)
    with pytest.raises(InputError, match="four bytes"):
        sealed(b"ABC", b"")

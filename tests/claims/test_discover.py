from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from penchant.claims import discover
from penchant.claims.discover import claim, claims, code_version, read, recipe, recipes
from penchant.core.errors import InputError


def test_every_file_with_a_build_is_found() -> None:
    root = Path(discover.__file__).parents[1] / "recipes"
    files = {path.stem for path in root.glob("*/*.py") if "\ndef build(" in path.read_text()}
    assert set(recipes()) == files
    assert len(files) > 0


def test_claims_lead_back_to_their_recipe() -> None:
    for name, (owner, found) in claims().items():
        assert found.name == name
        assert found in owner.claims


@pytest.mark.parametrize("find", [recipe, claim])
def test_an_unknown_name_is_refused_with_the_known_ones(find) -> None:
    with pytest.raises(InputError, match="use one of: "):
        find("no-such-thing")


def test_a_recipe_without_its_parts_is_refused() -> None:
    module = ModuleType("penchant.recipes.sequence.half")
    module.build = lambda lab: None  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="without PAPER, TINY, CLAIMS"):
        read(module)


def test_unknown_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="depth=3: its build has no such argument"):
        recipe("sasrec").check_settings({"depth": 3})


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package ``penchant_toy`` of two modules, the first of which imports the second."""
    place = tmp_path / "penchant_toy"
    place.mkdir()
    (place / "__init__.py").write_text("")
    (place / "one.py").write_text('"""Doc."""\nfrom penchant_toy.two import f\n\nCLAIMS = []\n\ndef g():\n    return f() + 1\n')
    (place / "two.py").write_text("def f():\n    return 1  # why\n")
    monkeypatch.syspath_prepend(tmp_path)
    return place


def version() -> str:
    for cached in (code_version, discover._source, discover._tree, discover._imports, discover._shape):
        cached.cache_clear()
    for name in [name for name in sys.modules if name.startswith("penchant_toy")]:
        del sys.modules[name]
    return code_version("penchant_toy.one")


@pytest.mark.parametrize(
    ("file", "old", "new", "moves"),
    [
        ("one.py", '"""Doc."""', '"""Other words."""', False),
        ("one.py", "CLAIMS = []", "CLAIMS = [1]", False),
        ("one.py", "+ 1", "+ 2", True),
        ("two.py", "# why", "# because", False),
        ("two.py", "return 1", "return 2", True),
    ],
)
def test_the_version_of_code_follows_what_can_change_a_number(package: Path, file: str, old: str, new: str, moves: bool) -> None:
    before = version()
    (package / file).write_text((package / file).read_text().replace(old, new))
    assert (version() != before) is moves


def test_the_version_covers_the_shared_parts_and_not_the_plumbing() -> None:
    reached = discover._reachable("penchant.recipes.sequence.sasrec")
    assert {"penchant.models.sequence.sasrec", "penchant.train.loop", "penchant.data.batches"} <= reached
    assert [name for name in reached if name.startswith(("penchant.core", "penchant.claims"))] == ["penchant.claims.lab"]

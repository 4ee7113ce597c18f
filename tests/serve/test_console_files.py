"""The console's files, without a browser: nothing from elsewhere, nothing inline, every colour readable."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

import penchant

FOLDER = Path(penchant.__file__).parent / "serve" / "console"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
INDEX = (FOLDER / "index.html").read_text(encoding="utf-8")
BASE = (FOLDER / "css" / "base.css").read_text(encoding="utf-8")
COLOURS = {name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", BASE)}


def name_of(path: Path) -> str:
    return str(path.relative_to(FOLDER))


def luminance(colour: str) -> float:
    """WCAG 2 relative luminance of #rrggbb."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_pair_of_colours_is_readable(theme: int) -> None:
    grounds = ["ground", "raised", "wash", "ghost"]
    text = [("ink", g) for g in grounds] + [(c, g) for c, g in product(("soft", "accent"), grounds)] + [("on-accent", "accent")]
    edges = list(product(("edge", "accent"), ("ground", "raised")))
    measured = {pair: contrast(COLOURS[pair[0]][theme], COLOURS[pair[1]][theme]) for pair in text + edges}
    assert {pair: measured[pair] for pair in text if measured[pair] < 4.5} == {}
    assert {pair: measured[pair] for pair in edges if measured[pair] < 3} == {}


def test_colours_are_named_once() -> None:
    """Styles use the named colours, so that the check above covers them; white under figures is the one exception."""
    for path in FOLDER.glob("css/*.css"):
        found = [line for line in path.read_text(encoding="utf-8").splitlines() if re.search(r"#[0-9a-f]{3,6}\b", line)]
        assert [line.strip() for line in found if "light-dark(" not in line and "figure img" not in line] == [], name_of(path)


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_scripts_cannot_turn_data_into_markup_or_code(path: Path) -> None:
    script = path.read_text(encoding="utf-8")
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\b|new Function|srcdoc"
    assert re.findall(banned, script) == []
    assert len(script.splitlines()) <= 250


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix in {".js", ".css", ".html"}], ids=name_of)
def test_nothing_is_asked_of_another_server(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"https?://|//cdn|@import|url\(", text) == []


def test_the_page_has_nothing_inline() -> None:
    assert re.findall(r"<script(?![^>]*\bsrc=)", INDEX) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", INDEX) == []


def test_every_file_the_page_names_is_there_and_every_script_is_used() -> None:
    named = set(re.findall(r'"console/([\w./-]+?)(?:#[\w-]+)?"', INDEX))
    assert [name for name in named if not (FOLDER / name).is_file()] == []
    used = set(named)
    for path in SCRIPTS:
        for target in re.findall(r'(?:from |import\()"(\.[\w./-]+)"', path.read_text(encoding="utf-8")):
            found = (path.parent / target).resolve()
            assert found.is_file(), f"{name_of(path)} imports {target}"
            used.add(name_of(found))
    assert {name_of(path) for path in SCRIPTS} - used == set()


def test_every_icon_that_is_used_is_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (FOLDER / "icons.svg").read_text(encoding="utf-8")))
    used = set(re.findall(r"icons\.svg#([\w-]+)", INDEX))
    for path in SCRIPTS:
        used |= set(re.findall(r'\bicon\("([\w-]+)"\)', path.read_text(encoding="utf-8")))
    assert used - drawn == set()

"""The shelf: one live release at every moment, back and forth, whatever breaks on the way."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.artifacts import write_artifact
from penchant.core.errors import ArtifactError, InputError
from penchant.pipeline.release import KIND
from penchant.pipeline.shelf import POINTER, Shelf


def release(folder: Path, number: int) -> Path:
    """What a shelf looks at of a release: an artifact of that kind."""
    with write_artifact(folder, kind=KIND, settings={"dataset": f"data {number}"}) as out:
        out.json("content", {"number": number})
    return folder


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path / "shelf")
    for number in range(3):
        made.add(release(tmp_path / f"release-{number}", number))
    return made


def names(shelf: Shelf) -> dict[str, str]:
    """By data set."""
    return {str(one.manifest.settings["dataset"])[-1]: one.name for one in shelf.releases()}


def test_nothing_is_live_before_something_was_promoted(shelf: Shelf) -> None:
    assert shelf.live is None
    assert not any(one.live for one in shelf.releases())
    with pytest.raises(InputError, match=r"no release of this shelf is live.*promote"):
        shelf.live_path()


def test_a_promoted_release_is_live_and_rolled_back_it_is_not(shelf: Shelf) -> None:
    name = names(shelf)
    shelf.promote(name["0"])
    shelf.promote(name["1"], why="better", checks={"passed": True})
    assert shelf.live == name["1"]
    assert json.loads((shelf.live_path() / "content.json").read_text()) == {"number": 1}
    assert shelf.rollback(why="it was not").after == name["0"]
    assert [(move.before, move.after, move.way, move.why) for move in shelf.moves()] == [
        (None, name["0"], "promoted", ""),
        (name["0"], name["1"], "promoted", "better"),
        (name["1"], name["0"], "rolled back", "it was not"),
    ]
    assert shelf.moves()[1].checks == {"passed": True}


def test_rolled_back_twice_it_goes_back_two_and_then_no_further(shelf: Shelf) -> None:
    name = names(shelf)
    for number in "012":
        shelf.promote(name[number])
    assert shelf.rollback().after == name["1"]
    assert shelf.rollback().after == name["0"]
    with pytest.raises(InputError, match="no release was live before"):
        shelf.rollback()
    shelf.promote(name["2"])
    assert shelf.rollback().after == name["0"]


@settings(max_examples=25, deadline=None)
@given(moves=st.lists(st.sampled_from(["0", "1", "2", "back"]), max_size=12))
def test_whatever_the_moves_the_shelf_is_a_stack(tmp_path_factory: pytest.TempPathFactory, moves: list[str]) -> None:
    folder = tmp_path_factory.mktemp("stack")
    shelf = Shelf(folder / "shelf")
    for number in range(3):
        shelf.add(release(folder / str(number), number))
    name, stack = names(shelf), []
    for move in moves:
        if move == "back" and len(stack) > 1:
            stack.pop()
            shelf.rollback()
        elif move != "back" and stack[-1:] != [name[move]]:
            stack.append(name[move])
            shelf.promote(name[move])
        assert shelf.live == (stack[-1] if stack else None)


def test_the_same_release_lies_there_once(shelf: Shelf, tmp_path: Path) -> None:
    again = shelf.add(tmp_path / "release-1")
    assert again == names(shelf)["1"]
    assert len(shelf.releases()) == 3


def test_a_release_that_is_written_anew_where_it_came_from_stays_as_it_was_on_the_shelf(shelf: Shelf, tmp_path: Path) -> None:
    before = names(shelf)["1"]
    release(tmp_path / "release-1", 7)
    shelf.promote(before)
    assert json.loads((shelf.live_path() / "content.json").read_text()) == {"number": 1}


def test_a_release_is_found_by_the_beginning_of_name_or_id(shelf: Shelf) -> None:
    one = shelf.releases()[0]
    assert shelf.get(one.manifest.id[:12]).name == one.name
    with pytest.raises(InputError, match="more than one release begins like that"):
        shelf.get("2")
    with pytest.raises(InputError, match="no release of that name"):
        shelf.get("nothing")


def test_what_is_live_is_neither_promoted_nor_removed(shelf: Shelf) -> None:
    name = names(shelf)
    shelf.promote(name["0"])
    with pytest.raises(InputError, match="live already"):
        shelf.promote(name["0"])
    with pytest.raises(InputError, match="it is live"):
        shelf.remove(name["0"])
    shelf.remove(name["1"])
    assert set(names(shelf)) == {"0", "2"}


def test_a_damaged_release_does_not_become_live(shelf: Shelf) -> None:
    name = names(shelf)
    shelf.promote(name["0"])
    path = shelf.get(name["1"]).path / "content.json"
    path.unlink()  # the file may be linked elsewhere
    path.write_text('{"number": 8}')
    with pytest.raises(ArtifactError):
        shelf.promote(name["1"])
    assert shelf.live == name["0"]


@pytest.mark.parametrize("file", ["manifest.json", "content.json"])
def test_a_damaged_release_keeps_nobody_from_the_others(shelf: Shelf, file: str) -> None:
    name = names(shelf)
    (shelf.get(name["0"]).path / file).unlink()
    assert set(names(shelf)) == {"1", "2"}
    assert list(shelf.damaged()) == [name["0"]]
    shelf.promote(name["1"])
    shelf.promote(name["2"])
    assert shelf.rollback().after == name["1"]
    with pytest.raises(ArtifactError, match=file if file == "content.json" else "artifact"):
        shelf.promote(name["0"])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 2}', '{"moves": [{"at": 1}]}'])
def test_a_damaged_shelf_says_so(shelf: Shelf, content: str) -> None:
    (shelf.folder / POINTER).write_text(content)
    with pytest.raises(ArtifactError, match="no list of moves"):
        shelf.moves()


def test_no_shelf_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no shelf.*release add"):
        Shelf(tmp_path).moves()
    assert not Shelf.at(tmp_path)


def test_who_looks_while_it_changes_sees_one_live_release(shelf: Shelf) -> None:
    name = names(shelf)
    shelf.promote(name["0"])
    seen, done = set(), threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.add(Shelf(shelf.folder).live)

    watcher = threading.Thread(target=look)
    watcher.start()
    for _ in range(15):
        shelf.promote(name["1"])
        shelf.rollback()
    done.set()
    watcher.join()
    assert seen <= {name["0"], name["1"]}

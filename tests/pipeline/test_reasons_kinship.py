"""What items share with what a person did: by hand, against a plain count, and in the words of reasons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.pipeline.kinship import LEAST, MANY, OFTEN, Kinship, Support
from penchant.pipeline.reasons import causes_of, reasons
from penchant.pipeline.recommender import Recommender, Rung
from penchant.pipeline.rules.goods import Goods
from penchant.pipeline.steering import Steering, Taste
from penchant.users.categories import CategoryTree
from tests.contracts.planted import CASES

FILMS = {
    "Alien": ["Horror", "Sci-Fi"], "Jaws": ["Horror", "Thriller"], "Airplane!": ["Comedy"], "Brazil": ["Comedy", "Sci-Fi"],
    "Clue": ["Comedy", "Thriller"], "Diner": ["Comedy"], "Heat": ["Crime", "Thriller"], "Se7en": ["Crime", "Horror", "Thriller"],
    "Up": [], "Shane": ["Western"], "Rio Bravo": ["Western"],
}  # fmt: skip
GOODS = {
    "Green tea": ["Kitchen", "Tea", "Green"], "Sencha": ["Kitchen", "Tea", "Green"], "Assam": ["Kitchen", "Tea", "Black"],
    "Mug": ["Kitchen", "Cups"], "Bell": ["Bikes", "Accessories"], "Pump": ["Bikes", "Accessories"], "Case": ["Phones", "Accessories"],
    "Racer": ["Bikes", "Road"], "Vase": ["Home"], "Lamp": ["Home"],
}  # fmt: skip


def catalog(goods: dict[str, list[str]]) -> Catalog:
    return Catalog(pl.DataFrame({"item_id": [title.lower() for title in goods], "title": list(goods), "categories": list(goods.values())}))


def kinship(goods: dict[str, list[str]]) -> Kinship:
    found = Kinship.of(CategoryTree.of(catalog(goods)))
    assert found is not None
    return found


def code(title: str, goods: dict[str, list[str]] = FILMS) -> int:
    return list(goods).index(title) + 1


class Says:
    """An explainer whose chances are what the events of a history are worth to each item; nothing else counts."""

    def __init__(self, worth: dict[tuple[int, int], float]) -> None:
        self.worth = worth

    def chances(self, histories: Histories, items: np.ndarray, seconds: float | None = None) -> np.ndarray:
        rows = [set(histories.row(row).tolist()) for row in range(len(histories))]
        return np.array([[sum(self.worth.get((past, item), 0.0) for past in row) for item in items.tolist()] for row in rows], np.float32)


def told(goods: dict[str, list[str]], did: Sequence[str], item: str, **causes: float) -> tuple[str, str]:
    """Text and kind of the reason for an item; ``causes`` by title, blanks as underscores."""
    worth = {(code(title.replace("_", " "), goods), code(item, goods)): much for title, much in causes.items()}
    actions = [[ACTION_CODE["play" if goods is FILMS else "purchase"]] * len(did)]
    history = Histories.of([[code(title, goods) for title in did]], actions=actions)
    (why,) = reasons(Says(worth), catalog(goods), history, np.array([code(item, goods)]), kinship=kinship(goods))
    return why.text, why.kind


def test_of_an_event_the_common_category_is_told() -> None:
    assert told(FILMS, ["Alien", "Heat"], "Jaws", Alien=1.0) == ("Because you watched Alien (both Horror)", "event")
    assert told(FILMS, ["Se7en", "Up"], "Jaws", Se7en=1.0)[0] == "Because you watched Se7en (both Horror and Thriller)", "the rarer first"
    assert told(FILMS, ["Alien", "Heat"], "Jaws", Alien=1.0, Heat=0.9)[0] == "Because you watched Alien and Heat", (
        "nothing is common to all"
    )
    assert told(FILMS, ["Heat", "Jaws"], "Clue", Heat=1.0, Jaws=0.9)[0] == "Because you watched Heat and Jaws (all Thriller)"
    assert told(FILMS, ["Up", "Heat"], "Jaws", Up=1.0)[0] == "Because you watched Up", "nobody knows what it is"
    assert told(FILMS, ["Jaws", "Heat"], "Jaws", Jaws=1.0)[0] == "Because you watched Jaws", "of one film nothing is common to both"


def test_of_paths_the_narrowest_common_part_is_told() -> None:
    assert told(GOODS, ["Sencha"], "Green tea", Sencha=1.0)[0] == "Because you bought Sencha (both Green)"
    assert told(GOODS, ["Sencha"], "Assam", Sencha=1.0)[0] == "Because you bought Sencha (both Tea)"
    assert told(GOODS, ["Sencha"], "Mug", Sencha=1.0)[0] == "Because you bought Sencha (both Kitchen)"
    assert told(GOODS, ["Bell"], "Pump", Bell=1.0)[0] == "Because you bought Bell (both Accessories)"
    assert told(GOODS, ["Case"], "Pump", Case=1.0)[0] == "Because you bought Case", "these are other accessories"


def test_what_no_event_drove_fits_an_interest_with_its_numbers() -> None:
    did = ["Brazil", "Clue", "Airplane!", "Heat", "Alien", "Up"]
    text, kind = told(FILMS, did, "Diner")
    assert (text, kind) == ("Fits your interest in Comedy: 3 of your 6 events are in Comedy", "interest")
    assert told(FILMS, did, "Shane") == ("Fits your history as a whole", "history")
    assert told(FILMS, did, "Up") == ("Fits your history as a whole", "history"), "nobody knows what it is"
    assert told(FILMS, did[2:], "Diner")[1] == "history", f"{LEAST} events make an interest"
    bought = ["Green tea"] * 2 + ["Assam"] * 2 + ["Mug", "Bell"]
    assert told(GOODS, bought, "Sencha")[0] == "Fits your interest in Tea: 4 of your 6 events are in Tea", "two of green tea are too few"
    rode = ["Bell", "Pump", "Pump", "Case", "Vase"]
    assert told(GOODS, rode, "Bell")[0] == "Fits your interest in Bikes: 3 of your 5 events are in Bikes", "four are in some accessories"


def test_many_events_are_an_interest_however_small_their_share() -> None:
    shop = kinship({**GOODS, **{f"Book {place}": ["Books"] for place in range(30)}})
    tea, book = [code("Assam", GOODS)], len(GOODS) + 1
    item = np.array([code("Sencha", GOODS)])
    (few,), (many,) = (shop.interests(Histories.of([tea * times + [book] * 290]), item) for times in (MANY - 1, MANY))
    assert few is None
    assert many is None, "a thirtieth of the events, and 3 of 40 items"
    goods = {**GOODS, **{f"Book {place}": ["Books" if place % 2 else "Maps"] for place in range(300)}}
    shop = kinship(goods)
    (few,), (many,) = (shop.interests(Histories.of([tea * times + [book] * 290]), item) for times in (MANY - 1, MANY))
    assert few is None
    assert many == Support(("Kitchen", "Tea"), MANY, 300, tuple(tea)), "a thirtieth of the events, and 3 of 310 items"


def test_an_interest_tells_its_path_its_newest_items_and_leaves_out_what_was_turned_down() -> None:
    shop, buy, no = kinship(GOODS), ACTION_CODE["purchase"], ACTION_CODE["dislike"]
    items = [code(title, GOODS) for title in ("Green tea", "Assam", "Green tea", "Sencha", "Mug", "Assam")]
    history = Histories.of([items], actions=[[buy, buy, buy, no, buy, no]])
    (found,) = shop.interests(history, np.array([code("Sencha", GOODS)]))
    assert found == Support(("Kitchen", "Tea"), 3, 4, (code("Green tea", GOODS), code("Assam", GOODS)))
    assert shop.interests(Histories.of([[]]), np.array([1])) == [None]


def test_categories_of_which_less_is_wanted_are_not_told() -> None:
    goods = Goods(catalog(FILMS))
    steering = Steering(tastes=(Taste(categories=("Comedy", "no such"), strength=-0.5), Taste(categories=("Horror",), strength=1.0)))
    films = kinship(FILMS)
    less = films.within(steering.unwanted(goods))
    assert [films.tree.names[one] for one in np.flatnonzero(less)] == ["Comedy"]
    history = Histories.of([[code(title) for title in ("Brazil", "Clue", "Airplane!", "Shane")]])
    item = np.array([code("Diner")])
    assert films.interests(history, item)[0] is not None
    assert films.interests(history, item, less) == [None]
    assert films.shared(item, np.array([[code("Clue")]])) == [(("Comedy",),)]
    assert films.shared(item, np.array([[code("Clue")]]), less) == [()]
    assert not films.within(Steering().unwanted(goods)).any()


def test_catalogues_without_categories_have_no_kinship_and_another_one_is_refused() -> None:
    plain = Catalog(pl.DataFrame({"item_id": ["a", "b"]}))
    assert Kinship.of(CategoryTree.of(plain)) is None
    assert Kinship.of(None) is None
    model = CASES["popularity"].make(0)
    with pytest.raises(InputError, match=f"kinship of {len(FILMS)} items: the catalogue has 2; make it of this catalogue"):
        Recommender(plain, {"p": model}, rungs=[Rung("p", {"p": 1.0})], newcomers={}, last="p", explainer=Says({}), kinship=kinship(FILMS))


def test_causes_are_those_that_weigh_at_least_half_of_the_first() -> None:
    drops = np.array([[1.0, -1.0, 0.0, 2.0], [0.5, -2.0, 0.0, 0.9], [0.6, -3.0, 0.0, 0.8]], np.float32)
    assert causes_of(drops).tolist() == [[0, 2], [-1, -1], [-1, -1], [0, -1]]
    assert causes_of(drops[:1]).tolist() == [[0], [-1], [-1], [0]]
    assert causes_of(drops[:0]).shape == (4, 0)


def plainly_told(goods: list[list[str]], tree: CategoryTree) -> list[list[int]]:
    """Of each item, the categories that may be told, the narrowest first, without a matrix."""
    ends = [tree.items[row].indices.tolist() for row in range(len(goods) + 1)]
    inside = [
        {one for end in row for one in range(1, len(tree) + 1) if tree.path(end)[: len(tree.path(one))] == tree.path(one)} for row in ends
    ]
    sizes = {one: sum(one in row for row in inside) for one in range(1, len(tree) + 1)}
    may = {one for one in sizes if 2 * sizes[one] <= len(goods)}
    return [sorted(row & may, key=lambda one: (sizes[one], -len(tree.path(one)), one)) for row in inside]


flat = st.lists(st.sampled_from("ABCDEF"), max_size=4, unique=True)
paths = st.sampled_from([[], ["A"], ["A", "B"], ["A", "B", "C"], ["A", "B", "D"], ["E", "F"], ["E", "F", "A"], ["E", "G"]])
lists = st.one_of(st.lists(flat, min_size=2, max_size=14), st.lists(paths, min_size=2, max_size=14))


@given(lists, st.data())
def test_matrices_tell_what_a_plain_count_tells(goods: list[list[str]], data: st.DataObject) -> None:
    tree = CategoryTree.of(Catalog(pl.DataFrame({"item_id": [str(place) for place in range(len(goods))], "categories": goods})))
    found = Kinship.of(tree)
    if found is None:
        return
    codes = st.integers(1, len(goods))
    did = data.draw(st.lists(codes, max_size=30))
    items = data.draw(st.lists(codes, min_size=1, max_size=6))
    causes = data.draw(st.lists(st.tuples(codes, st.one_of(st.just(0), codes)), min_size=len(items), max_size=len(items)))
    inside = plainly_told(goods, tree)
    sizes = {one: sum(one in row for row in inside) for one in range(1, len(tree) + 1)}
    shared = found.shared(np.array(items), np.array(causes))
    for item, named, paths in zip(items, causes, shared, strict=True):
        common = [] if item in named else [one for one in inside[item] if all(one in inside[cause] for cause in named if cause)]
        narrow: list[tuple[str, ...]] = []
        for path in map(tree.path, common):
            if len(narrow) < 2 and all(one[: len(path)] != path for one in narrow):
                narrow.append(path)
        assert paths == tuple(narrow)
    for item, interest in zip(items, found.interests(Histories.of([did]), np.array(items)), strict=True):
        counts = {one: sum(one in inside[code] for code in did) for one in inside[item]}
        strong = [
            one
            for one, count in counts.items()
            if (count >= max(LEAST, OFTEN * len(did)) and count * len(goods) > sizes[one] * len(did))
            or (count >= MANY and count * len(goods) >= 2 * sizes[one] * len(did))
            if tree.names.count(tree.names[one]) == 1
        ]
        if not strong:
            assert interest is None
            continue
        newest = list(dict.fromkeys(code for code in reversed(did) if strong[0] in inside[code]))[:3]
        assert interest == Support(tree.path(strong[0]), counts[strong[0]], len(did), tuple(newest))


def test_what_lies_below_a_path_is_meant_and_unknown_paths_mean_nothing() -> None:
    known = kinship(GOODS)
    names = np.array(known.tree.names)
    assert set(names[known.below([["Kitchen", "Tea"], ["No such"]])]) == {"Tea", "Green", "Black"}
    assert set(names[known.below([["Bikes"]])]) == {"Bikes", "Accessories", "Road"}
    assert not known.below([]).any()

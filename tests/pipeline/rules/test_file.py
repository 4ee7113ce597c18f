"""A file of rules is read as a whole, or refused with the line and the reason."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import SettingsError
from penchant.pipeline.rules.file import Refused, check_rules, read_rules, written
from penchant.pipeline.rules.kinds import Boost, Rules

FILE = """\
# What the shop wants.
rules:
  - rule: exclude
    where: {categories: [Alcohol], price: {least: 5}}
  - rule: boost
    name: Christmas
    where:
      items: [a, "12"]
    strength: 3
    starts: 2017-12-01
    ends: 2017-12-27T06:30:00+02:00
    audience: {users: ["1"], did: {where: {categories: [x]}, days: 30, actions: [purchase]}}
  - rule: spacing
  - {rule: quota, by: brand, most: 2}
  - {rule: explore, chance: 0.1, prior: [1, 19]}
  - {rule: diversity, method: mmr}
  - {rule: freshness, strength: 2, half_life_days: 30}
"""


def test_a_file_is_read_with_the_line_of_each_rule() -> None:
    rules, lines = check_rules(FILE)
    assert lines == (3, 5, 13, 14, 15, 16, 17)
    boost = rules.rules[1]
    assert isinstance(boost, Boost)
    assert boost.where.items == ("a", "12")
    told = [datetime.datetime.fromtimestamp(when, datetime.UTC) for when in (boost.starts or 0, boost.ends or 0)]
    assert [when.isoformat() for when in told] == ["2017-12-01T00:00:00+00:00", "2017-12-27T04:30:00+00:00"]


def test_the_version_is_of_what_the_rules_say() -> None:
    version = read_rules(FILE).version
    assert len(version) == 12
    assert read_rules(FILE.replace("# What", "# How").replace("strength: 3", "strength:   3.0")).version == version
    assert read_rules(FILE.replace("strength: 3", "strength: 4")).version != version


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "the file: it is empty; write rules: \\[\\]"),
        ("rules: [\n", 2, "it is not YAML"),
        ("rules:\n\t- rule: spacing", 2, "it is not YAML"),
        ("- 1", 1, "the file=\\[1\\]: input should be a valid dictionary"),
        ("{}", 1, "rules is missing: field required; add it"),
        ("rules: 5", 1, "rules=5"),
        ("rules:\n  - rule: spacing\n  - rule: boots", 3, "rules.1={'rule': 'boots'}: .*'boost'.*; pass one of these"),
        ("rules:\n  - {strength: 2}", 2, "rules.0={'strength': 2}: .*; say which kind of rule it is"),
        ("rules:\n  - rule: boost\n    strength: -1\n    where: {items: [a]}", 3, "rules.0.strength=-1: input should be greater than 0"),
        (
            "rules:\n  - rule: boost\n    strength: 2\n    where:\n      items:\n      - a\n      - 7",
            7,
            "rules.0.where.items.1=7: .*; put it in quotes",
        ),
        (
            "rules:\n  - rule: spacing\n    widow: 3",
            3,
            "rules.0.widow=3: extra inputs are not permitted; leave it out, or correct its name",
        ),
        ("rules:\n  - rule: spacing\n    window: 2.5", 3, "rules.0.window=2.5"),
        ("rules:\n  - rule: spacing\n    window: yes", 3, "rules.0.window=True"),
        ("rules:\n  - rule: exclude", 2, "it says which items: give where, did or both"),
        ("rules:\n  - rule: exclude\n    where: {}", 3, "it says which items: give at least one field"),
        ("rules:\n  - rule: exclude\n    where: {price: {least: 9, most: 3}}", 3, "least is at most most"),
        ("rules:\n  - rule: exclude\n    did: {actions: [buy]}", 3, "no such action; there are other, view"),
        ("rules:\n  - {rule: quota, by: brand, least: 2}", 2, "least is for the items of where"),
        ("rules:\n  - {rule: quota, by: brand, where: {items: [a]}, most: 2}", 2, "give one of the two"),
        ("rules:\n  - {rule: quota, by: brand}", 2, "it says how many"),
        ("rules:\n  - rule: spacing\n    starts: 2018-01-01\n    ends: 2017-01-01", 2, "it starts before it ends"),
        ("rules:\n  - rule: spacing\n    starts: 2017-13-45", 3, "it cannot be read"),
        ("rules:\n  - rule: spacing\n    starts: 'soon'", 3, "a moment is a date"),
        ("rules:\n  - rule: spacing\n    starts: 1700000000000", 3, "less than or equal to 4102444800"),
        ("rules:\n  - rule: explore\n    chance: .inf", 3, "rules.0.chance=inf: input should be a finite number"),
        ("rules:\n  - rule: explore\n    chance: 1.5", 3, "rules.0.chance=1.5"),
        ("rules:\n  - rule: spacing\n    audience: {}", 3, "it says for whom"),
        ("rules:\n  - rule: spacing\n    rule: spacing", 3, "rule: it stands here twice"),
        ("rules:\n  - &a {rule: spacing}\n  - *a", 3, "\\*a: anchors are not taken"),
        ("rules:\n  - !!python/name:os.system {}", 2, "tags are not taken"),
        ("rules:\n  - !mine {}", 2, "tags are not taken"),
        ("rules:\n  - 1: 2", 2, "names are texts"),
        ("[" * 300 + "]" * 300, 1, "21 levels: at most 20 are taken"),
        ("rules: " + "9" * 6_000, 1, "it cannot be read"),
        (b"\xff\xfe\x00", 1, "it is not YAML"),
        (b"rules: \xc3\x28", 1, "it is not YAML"),
        ("\x00", 1, "it is not YAML"),
        ("rules: []\n---\nrules: []", 2, "it is not YAML"),
        (b" " * (17 << 20), 1, "a file has at most"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_reason(text: str | bytes, line: int, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        read_rules(text, "shop.yaml")
    assert refused.value.value.startswith(f"shop.yaml, line {line}: ")


def test_all_problems_are_found_and_counted() -> None:
    text = "rules:\n  - {rule: spacing, window: 0}\n  - {rule: spacing}\n  - {rule: quota}\n  - {rule: spacing, most: 0}"
    with pytest.raises(Refused) as refused:
        check_rules(text)
    assert [problem.line for problem in refused.value.problems] == [2, 4, 5]
    with pytest.raises(SettingsError, match=r"\(2 more in this file\)"):
        read_rules(text)


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
names = st.lists(texts, min_size=1, max_size=3)
wheres = st.fixed_dictionaries(
    {"items": names},
    optional={
        "brands": names,
        "price": st.fixed_dictionaries({"least": st.floats(0, 5), "most": st.floats(5, 9)}),
        "attributes": st.dictionaries(
            texts, st.lists(st.one_of(texts, st.booleans(), st.integers(-5, 5)), min_size=1, max_size=2), max_size=2
        ),
    },
)
common = {
    "name": texts,
    "starts": st.dates(datetime.date(1990, 1, 1), datetime.date(2010, 1, 1)),
    "ends": st.integers(1_400_000_000, 1_500_000_000),
    "audience": st.fixed_dictionaries(
        {"users": names},
        optional={"newcomers": st.booleans(), "did": st.fixed_dictionaries({}, optional={"where": wheres, "days": st.floats(0.1, 99)})},
    ),
}
rules_of_any_kind = st.lists(
    st.one_of(
        st.fixed_dictionaries({"rule": st.just("exclude"), "where": wheres}, optional=common),
        st.fixed_dictionaries(
            {"rule": st.just("boost"), "where": wheres, "strength": st.floats(0.01, 100)}, optional={**common, "label": texts}
        ),
        st.fixed_dictionaries({"rule": st.just("quota"), "by": texts, "most": st.integers(0, 9)}, optional=common),
        st.fixed_dictionaries(
            {"rule": st.just("explore"), "chance": st.floats(0, 1)}, optional={**common, "where": wheres, "most": st.integers(0, 9)}
        ),
        st.fixed_dictionaries({"rule": st.just("spacing")}, optional={**common, "by": texts, "window": st.integers(1, 9)}),
        st.fixed_dictionaries({"rule": st.just("diversity")}, optional={**common, "weight": st.floats(0, 1)}),
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(rules_of_any_kind)
def test_any_valid_file_round_trips(drawn: list[dict[str, object]]) -> None:
    rules = Rules.model_validate({"rules": drawn})
    again = read_rules(written(rules))
    assert again == rules and again.version == rules.version


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60), st.text("rules:-[]{}&*!\n 'exclud1.", max_size=60)))
def test_no_text_does_worse_than_be_refused(text: str | bytes) -> None:
    try:
        read_rules(text)
    except SettingsError as error:
        assert ", line " in error.value

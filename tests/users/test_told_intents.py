"""Intents as they are told: JSON values, and without what was taken out."""

from __future__ import annotations

import json

from penchant.data.histories import Histories
from penchant.users.told_intents import plain, without
from tests.users.test_intents import INFANT, TEA, made


def test_values_are_json_with_ids() -> None:
    found = made().of(Histories.of([[INFANT[0], TEA[1]]]))
    told = plain(found, [f"i{code}" for code in range(1, 100)])
    assert json.loads(json.dumps(told)) == told
    assert [one["path"] for one in told] == [list(one.path) for one in found]
    assert told[0]["because"][0] == {"path": ["Food", "Infant food"], "share": told[0]["because"][0]["share"], "item_id": f"i{INFANT[0]}"}


def test_what_was_taken_out_is_neither_told_nor_evidence() -> None:
    found = made().of(Histories.of([[INFANT[0]]]))
    assert without(found, []) == found
    assert all(one.path[0] != "Toys" for one in without(found, [["Toys"]]))
    assert without(found, [["Toys"]])
    assert without(found, [["Food", "Infant food"]]) == []
    assert without(found, [["Infant food"]]) == found, "another path"

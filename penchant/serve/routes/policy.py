"""What lists may look like: the rules that are followed, and what is out of stock."""

from __future__ import annotations

from penchant.core.errors import UnknownIdError, require
from penchant.serve.answers import Noted, Refusal, RulesOut, StockOut
from penchant.serve.refusals import refusals
from penchant.serve.requests import StockIn
from penchant.serve.routes.base import router
from penchant.serve.service import Held

routes = router("policy")


@routes.get("/rules")
def rules(service: Held) -> RulesOut:
    """The rules that are followed, and what is wrong with the file, if anything is."""
    live, policy = service.backend.rules, service.recommender.policy
    refused = None if live is None else live.refused
    return RulesOut(
        version=policy.version,
        file=None if live is None else live.path.name,
        since=None if live is None else live.since,
        rules=policy.rules.plain()["rules"],
        unknown=[] if live is None else [Noted(line=line, name=name) for line, name in live.file.unknown(service.recommender.goods)],
        refused=None if refused is None else Refusal(value=refused.value, rule=refused.rule, remedy=refused.remedy),
    )


@routes.get("/stock")
def stock(service: Held) -> StockOut:
    """What is out of stock."""
    return StockOut(out=sorted(service.backend.stock.out()))


@routes.post("/stock", responses=refusals(404))
def change_stock(asked: StockIn, service: Held) -> StockOut:
    """Take items out of stock and others back in: from the next list on, those of other servers a second later."""
    for item_id in asked.out:
        known = item_id in service.release.space.catalog.items
        require(known, f"item_id={item_id!r}", "no such item in this release", "pass the id of an item of the catalogue", UnknownIdError)
    return StockOut(out=sorted(service.backend.stock.change(asked.out, asked.back)))

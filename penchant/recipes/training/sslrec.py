"""SSLRec (University of Hong Kong, WSDM 2024, arXiv:2308.05697): self-supervised recommenders under one protocol.

Flow     three graph models and three sequence models, with and without contrast; same split, same evaluator, same budget.
         ``penchant claims run sslrec-cl4srec-best-of-six`` trains and compares all six
Departs  social, knowledge-graph and multi-behaviour models are left out; validation is a part of its own, where the
         framework's sequence models validate on test
Letters  none
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.contracts import Retriever
from penchant.recipes.graph import lightgcn, simgcl, xsimgcl
from penchant.recipes.sequence import bert4rec, sasrec
from penchant.recipes.training import cl4srec

PAPER = Paper("SSLRec", "SSLRec: A Self-Supervised Learning Framework for Recommendation", "HKU, WSDM 2024", "arXiv:2308.05697")
TINY = {"model": "simgcl", "settings": simgcl.TINY}


class Model(StrEnum):
    """The six."""

    LIGHTGCN = "lightgcn"
    SIMGCL = "simgcl"
    XSIMGCL = "xsimgcl"
    SASREC = "sasrec"
    CL4SREC = "cl4srec"
    BERT4REC = "bert4rec"


BUILDS: Mapping[Model, Callable[..., Retriever]] = {
    Model.LIGHTGCN: lightgcn.build,
    Model.SIMGCL: simgcl.build,
    Model.XSIMGCL: xsimgcl.build,
    Model.SASREC: sasrec.build,
    Model.CL4SREC: cl4srec.build,
    Model.BERT4REC: bert4rec.build,
}


def build(lab: Lab, *, model: str = "simgcl", settings: Mapping[str, Any] | None = None) -> Retriever:
    """Train one of the six.

    Args:
        lab: What may be seen.
        model: Its name, see ``Model``.
        settings: Arguments of that recipe, over its defaults.
    """
    return BUILDS[Model(model)](lab, **(settings or {}))


BUDGET = Budget(trials=6)

CLAIMS = [
    Claim(
        name="sslrec-contrast-helps-graphs",
        says="SimGCL ranks better than LightGCN, both tuned alike.",
        subject=Arm("SimGCL", "simgcl"),
        rivals=[Arm("LightGCN", "lightgcn")],
        dataset="ml-100k",
        metric="ndcg@20",
        budget=BUDGET,
    ),
    Claim(
        name="sslrec-contrast-helps-sequences",
        says="CL4SRec ranks better than SASRec, both tuned alike.",
        subject=Arm("CL4SRec", "cl4srec"),
        rivals=[Arm("SASRec", "sasrec")],
        dataset="ml-100k",
        metric="ndcg@20",
        budget=BUDGET,
    ),
    Claim(
        name="sslrec-cl4srec-best-of-six",
        says="Of three graph and three sequence models, all tuned alike, CL4SRec ranks best.",
        subject=Arm("CL4SRec", "cl4srec"),
        rivals=[
            Arm("SASRec", "sasrec"),
            Arm("BERT4Rec", "bert4rec"),
            Arm("SimGCL", "simgcl"),
            Arm("XSimGCL", "xsimgcl"),
            Arm("LightGCN", "lightgcn"),
        ],
        dataset="ml-100k",
        metric="ndcg@20",
        budget=BUDGET,
        note="The framework compares models and claims no winner; that the contrastive sequence model wins is our guess.",
    ),
]

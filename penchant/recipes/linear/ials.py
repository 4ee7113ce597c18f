"""iALS (Hu et al., ICDM 2008; Rendle et al., RecSys 2022, arXiv:2110.14037): weighted factorisation of all cells.

Flow     user-item matrix -> users and items solved in turn -> a history folded in by one solve -> inner product
Departs  one ridge for all users and items (the 2022 study scales it by their events); confidence 20 stands for the
         weight 1 / 20 of empty cells there
Letters  none
"""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.retrieval.ials import ALSSettings, ImplicitALS

PAPER = Paper("iALS", "Revisiting the Performance of iALS on Item Recommendation Benchmarks", "Google, RecSys 2022", "arXiv:2110.14037")
TINY = {"factors": 16, "l2": 1.0, "sweeps": 15}
SPACE = {
    "factors": CategoricalDistribution([32, 64, 128, 256]),
    "l2": FloatDistribution(0.05, 200.0, log=True),
    "confidence": FloatDistribution(1.5, 200.0, log=True),
}


def build(lab: Lab, *, factors: int = 64, l2: float = 5.0, confidence: float = 10.0, sweeps: int = 15) -> ImplicitALS:
    """Fit iALS.

    Args:
        lab: What may be seen.
        factors: Of users and items.
        l2: Ridge.
        confidence: Weight of a cell with an event; an empty one weighs 1.
        sweeps: Alternations.
    """
    settings = ALSSettings(factors=factors, l2=l2, confidence=confidence, sweeps=sweeps)
    return ImplicitALS.fit(lab.train, lab.num_items, settings, seed=lab.seed)


CLAIMS = [
    Claim(
        name=f"ials-not-behind-bpr-mf-{dataset}",
        says=f"Tuned iALS is at most 2% behind BPR-MF tuned as long, on {dataset}.",
        subject=Arm("iALS", "ials"),
        rivals=[Arm("BPR-MF", "bpr")],
        dataset=dataset,
        metric="ndcg@10",
        margin=-0.02,
        budget=Budget(trials=8),
    )
    for dataset in ("ml-100k", "amazon-beauty")
]

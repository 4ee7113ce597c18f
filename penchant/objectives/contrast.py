"""Contrast within a batch (InfoNCE): each query should be nearest to its own key among all keys of the batch.

van den Oord et al., arXiv:1807.03748. With ``log_q`` it is the sampled softmax of two-tower retrieval (Yi et al.,
RecSys 2019): a key that stands in the batch because its item is popular is corrected by its chance of standing there.

Letters: P queries, Q keys (P positives, then any extra ones), W width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.core.errors import require
from penchant.objectives.softmax import linear_cross_entropy


def info_nce(
    queries: Tensor,
    keys: Tensor,
    *,
    temperature: float = 1.0,
    cosine: bool = True,
    log_q: Tensor | None = None,
    masked: Tensor | None = None,
) -> Tensor:
    """Mean cross-entropy of query p choosing key p.

    Args:
        queries: float[P, W].
        keys: float[Q, W], Q >= P; key p is the positive of query p.
        temperature: Divides the scores, before the correction.
        cosine: Score by the cosine instead of the inner product.
        log_q: float[Q], log of each key's chance (up to a constant of all keys); subtracted from the scores, positives
            included.
        masked: bool[P, Q], keys that are no negatives of a query, such as repeats of its positive (see ``repeats``).
            The positives themselves are never masked.

    Raises:
        InputError: There are fewer keys than queries.
    """
    require(len(keys) >= len(queries), f"{len(keys)} keys for {len(queries)} queries", "each query has its own key", "pass keys in order")
    if cosine:
        queries, keys = F.normalize(queries, dim=-1), F.normalize(keys, dim=-1)
    queries = queries / temperature
    positives = torch.arange(len(queries), device=queries.device)
    if log_q is None and masked is None:
        return linear_cross_entropy(queries, keys, positives)  # never holds the P x Q matrix
    logits = (queries @ keys.T).float()
    if log_q is not None:
        logits = logits - log_q
    if masked is not None:
        masked = masked.clone()
        masked[positives, positives] = False
        logits = logits.masked_fill(masked, -torch.inf)
    return F.cross_entropy(logits, positives)


def repeats(queries: Tensor, keys: Tensor) -> Tensor:
    """bool[P, Q], where a key's identity int64[Q] is that of the query's positive int64[P]: false negatives.

    The same serves to take out keys of the query's own group, for example of its own history.
    """
    return queries[:, None] == keys[None, :]


def mixed_log_q(share: Tensor, num_items: int, drawn: int, extra: int) -> Tensor:
    """Log Q float[Q] of keys: their chance of standing in a batch of ``drawn`` items filled by popularity and ``extra`` ones filled evenly.

    Args:
        share: float[Q], each key's share of all events.
        num_items: N.
        drawn: Keys that are positives of the batch.
        extra: Keys drawn uniformly from the N items.
    """
    return torch.log((drawn * share + extra / num_items) / (drawn + extra))


def uniformity(vectors: Tensor) -> Tensor:
    """The log of the mean of exp(-2 ||x - y||^2) over all pairs of unit vectors float[P, W]; lower is more even (Wang and Isola, 2020)."""
    distances = torch.pdist(F.normalize(vectors, dim=-1)).square()
    return torch.logsumexp(-2 * distances, dim=0) - torch.log(torch.tensor(float(len(distances)), device=vectors.device))

"""LightGCN and its kin: user and item rows, spread over the graph, compared by inner product.

LightGCN: He et al., SIGIR 2020, arXiv:2002.02126. Without layers it is BPR-MF (Rendle et al., UAI 2009).
SimGCL: Yu et al., SIGIR 2022, arXiv:2112.08679: two noisy passes of each step are contrasted.
XSimGCL: Yu et al., TKDE 2023, arXiv:2209.02544: one noisy pass, its end contrasted with its layer l*.

    E_0 = table; E_k = D^-1/2 A D^-1/2 E_(k-1) [+ noise]; E = mean of E_0..E_K (or E_1..E_K); score = e_u . e_i
    loss = BPR + l2 / 2 (squares of the rows of E_0 that the batch touches) / B + contrast (InfoNCE users + items)

Who is speaking at inference is said in ``penchant.models.graph.rows``. With ``fold_in`` everybody is folded in, so newer
events count at once: on the test targets of Amazon Beauty, whose histories are one event longer than in training, that
gave an XSimGCL of 400 steps NDCG@10 0.0240 in place of 0.0207.

With ``softmax`` a pair is set against the items of the whole batch and its drawn ones, by cross-entropy, in place of BPR.

Letters: U users, N items, V = U + N + 2 nodes, K layers, W width, B pairs, R rows.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.data.pairs import PairBatch, Pairs
from penchant.models.graph.propagation import Propagation, uniform_like
from penchant.models.graph.rows import RowRetriever, represent
from penchant.models.retrieval.scored import inner_products
from penchant.nn.kept import Kept
from penchant.objectives.contrast import info_nce, mixed_log_q, repeats
from penchant.objectives.pairwise import bpr, ridge


class GraphSettings(Settings):
    """Shape and loss of the network; the defaults are LightGCN."""

    width: int = Field(default=64, ge=1)
    layers: int = Field(default=2, ge=0, description="K; 0 is BPR-MF")
    table_counts: bool = Field(default=True, description="whether E_0 is part of the mean")
    spread: float = Field(default=0.1, gt=0, description="standard deviation of the first weights")
    l2: float = Field(default=1e-4, ge=0)
    contrast: float = Field(default=0.0, ge=0, description="weight of the contrastive term; 0 leaves it out")
    noise: float = Field(default=0.1, ge=0, description="length of the step by which each row is moved, for contrast only")
    temperature: float = Field(default=0.2, gt=0)
    softmax: bool = Field(default=False, description="rank among the items of the batch at ``temperature``, corrected by -log Q; no BPR")
    fold_in: bool = Field(default=False, description="represent training users by their histories too, not by learned rows")
    contrast_layer: int | None = Field(default=None, ge=0, description="l*, contrasted with the end of the same pass; None: two passes")


class GraphRetriever(Kept, RowRetriever[GraphSettings]):
    """A row for each user and item, spread over the training graph.

    Args:
        pairs: The training graph.
        settings: Shape and loss.
    """

    KIND = "graph"
    SETTINGS = GraphSettings

    def __init__(self, pairs: Pairs, settings: GraphSettings | None = None) -> None:
        settings = settings or GraphSettings()
        deepest = settings.contrast_layer or 0
        require(
            deepest <= settings.layers, f"contrast_layer={deepest}", f"there are {settings.layers} layers", "pass contrast_layer<=layers"
        )
        super().__init__(pairs, settings, width=settings.width, deviation=settings.spread)
        self.graph = Propagation(pairs)

    def layers(self, noise: float = 0.0) -> list[Tensor]:
        """E_0..E_K, float32[V, W] each; each but the first moved by ``noise`` within its orthant."""
        found = [torch.cat([self.users.weight, self.items.weight])]
        for _ in range(self.settings.layers):
            after = self.graph(found[-1])
            if noise > 0:
                after = after + noise * after.detach().sign() * F.normalize(uniform_like(after), dim=1)
            found.append(after)
        return found

    def final(self, layers: list[Tensor]) -> Tensor:
        """E, float32[V, W]."""
        counted = layers if self.settings.table_counts or len(layers) == 1 else layers[1:]
        return sum(counted[1:], start=counted[0]) / len(counted) if len(counted) > 1 else counted[0]

    def loss(self, batch: PairBatch) -> Losses:
        """BPR or softmax, ridge and, where it counts, contrast."""
        settings = self.settings
        contrasts = settings.contrast > 0
        within = contrasts and settings.contrast_layer is not None  # the noisy pass serves both terms
        layers = self.layers(settings.noise if within else 0.0)
        final = self.final(layers)
        first = self.pairs.num_users + 1  # node of item 0
        nodes = torch.cat([batch.users, batch.items + first, batch.negatives.flatten() + first])
        # One look-up for all: each look-up's gradient is a table of all nodes.
        rows = final.index_select(0, nodes)
        users, items, others = self._parted(rows, batch)
        if settings.softmax:
            ranking = self.in_batch(users, torch.cat([items, others.flatten(0, 1)]), batch)
        else:
            ranking = bpr((users * items).sum(-1), (users[:, None] * others).sum(-1))
        table = rows if final is layers[0] else layers[0].index_select(0, nodes)
        total = ranking + settings.l2 * ridge(*self._parted(table, batch))
        terms = {"softmax" if settings.softmax else "bpr": ranking.detach()}
        if contrasts:
            if settings.contrast_layer is not None:
                one, two = final, layers[settings.contrast_layer]
            else:
                one, two = (self.final(self.layers(settings.noise)) for _ in range(2))
            apart = self.contrast(one, two, batch.users.unique(), batch.items.unique() + first)
            total = total + settings.contrast * apart
            terms["contrast"] = apart.detach()
        return Losses(total, terms)

    def in_batch(self, users: Tensor, keys: Tensor, batch: PairBatch) -> Tensor:
        """Cross-entropy of users [B, W] choosing their items among keys [B + B M, W], those of the batch and all drawn ones."""
        codes = torch.cat([batch.items, batch.negatives.flatten()])
        degrees = torch.from_numpy(self.pairs.item_degrees / max(len(self.pairs), 1)).to(codes.device, torch.float32)
        log_q = mixed_log_q(degrees[codes], self.num_items, len(batch), batch.negatives.numel())
        masked = repeats(batch.items, codes)
        return info_nce(users, keys, temperature=self.settings.temperature, cosine=False, log_q=log_q, masked=masked)

    def contrast(self, one: Tensor, two: Tensor, users: Tensor, items: Tensor) -> Tensor:
        """InfoNCE of two views float[V, W], over distinct user nodes and distinct item nodes apart."""
        nodes, sizes = torch.cat([users, items]), [len(users), len(items)]
        views = zip(one.index_select(0, nodes).split(sizes), two.index_select(0, nodes).split(sizes), strict=True)
        return sum((info_nce(a, b, temperature=self.settings.temperature) for a, b in views), start=one.new_zeros(()))

    @staticmethod
    def _parted(rows: Tensor, batch: PairBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Rows of users [B, W], of what they had [B, W] and of what they did not have [B, M, W]."""
        users, items, others = rows.split([len(batch), len(batch), batch.negatives.numel()])
        return users, items, others.view(*batch.negatives.shape, -1)

    @torch.no_grad()
    def vectors(self) -> tuple[Tensor, Tensor]:
        """Final vectors float32[U + 1, W] of users and float32[N + 1, W] of items, from a pass without noise."""
        return self.kept(lambda: self._split(self.final(self.layers())))

    def _split(self, final: Tensor) -> tuple[Tensor, Tensor]:
        first = self.pairs.num_users + 1
        return final[:first], final[first:]

    def represent(self, histories: Histories) -> Tensor:
        """float32[R, W], of whoever is speaking."""
        return represent(self.pairs, *self.vectors(), histories, learned=not self.settings.fold_in)

    @torch.no_grad()
    def score(self, histories: Histories) -> Tensor:
        """float32[R, N + 1]; column 0 is ``-inf``."""
        return inner_products(self.represent(histories), self.vectors()[1])

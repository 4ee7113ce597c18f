"""Item vectors that know both what an item is and who had it: content spread over the graph of users and items.

Source   the first part of MMGRec (Liu et al., 2024, arXiv:2404.16555), a GraphSAGE (Hamilton et al., NeurIPS 2017)
Flow     items: W_0 content; users: rows of a table; twice h_v <- W_own h_v + W_near mean of h over v's neighbours, with a
         LeakyReLU between; score = h_u . h_i; BPR with several negatives
Departs  a whole-graph pass a step, and no sampling of neighbours

An item without users has its content alone, so new items get vectors too.

Letters: U users, N items, V = U + N + 2 nodes, D content width, W width, B pairs, M negatives, R rows.
"""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.data.pairs import PairBatch, Pairs
from penchant.models.graph.propagation import Propagation
from penchant.models.graph.rows import RowRetriever, represent
from penchant.models.retrieval.scored import inner_products
from penchant.nn.dropout import Dropout
from penchant.nn.kept import Kept
from penchant.objectives.pairwise import bpr


class FeatureGraphSettings(Settings):
    """Shape of the network; the defaults are MMGRec's."""

    content: int = Field(ge=1, description="D")
    width: int = Field(default=128, ge=1, description="of users' rows, of items' projected content and between the layers")
    out: int = Field(default=64, ge=1, description="W of what comes out")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="after the first layer")
    last_dropout: float = Field(default=0.2, ge=0, lt=1, description="after the second")
    deviation: float = Field(default=0.1, gt=0, description="standard deviation of the first rows of users")


class MeanLayer(nn.Module):
    """h_v <- W_own h_v + W_near mean of h over v's neighbours. [V, W] -> [V, W']; without neighbours the mean is zero.

    Args:
        graph: Of the nodes, whose normalisation by both degrees is turned into one by the reader's.
        degrees: float32[V].
        width: W.
        out: W'.
    """

    roots: Tensor

    def __init__(self, graph: Propagation, degrees: Tensor, width: int, out: int) -> None:
        super().__init__()
        self.graph = graph
        self.register_buffer("roots", degrees.clamp(min=1).sqrt()[:, None], persistent=False)
        self.own, self.near = nn.Linear(width, out), nn.Linear(width, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.own(x) + self.near(self.graph(x.float() * self.roots) / self.roots)


class FeatureGraph(Kept, RowRetriever[FeatureGraphSettings]):
    """Two layers of means over the graph of training pairs.

    Args:
        pairs: The training graph.
        settings: Shape of the network.
        content: float32[N + 1, D], what items are; row 0 is ignored. Zeros by default, until weights are loaded.
    """

    KIND = "feature_graph"
    SETTINGS = FeatureGraphSettings

    def __init__(self, pairs: Pairs, settings: FeatureGraphSettings, content: np.ndarray | None = None) -> None:
        super().__init__(pairs, settings, width=settings.width, deviation=settings.deviation)
        shape = (pairs.num_items + 1, settings.content)
        given = np.zeros(shape, np.float32) if content is None else np.ascontiguousarray(content, np.float32)
        require(given.shape == shape, f"content of shape {given.shape}", "content is one row an item, of the given width", f"pass {shape}")
        self.items = nn.Embedding.from_pretrained(torch.from_numpy(given), freeze=True)
        self.project = nn.Linear(settings.content, settings.width)
        graph, degrees = Propagation(pairs), torch.from_numpy(np.concatenate([pairs.user_degrees, pairs.item_degrees])).float()
        self.first = MeanLayer(graph, degrees, settings.width, settings.width)
        self.second = MeanLayer(graph, degrees, settings.width, settings.out)
        self.dropout, self.last_dropout = Dropout(settings.dropout), Dropout(settings.last_dropout)

    def nodes(self) -> Tensor:
        """float[V, W], final vectors: users 0..U, then items 0..N."""
        x = torch.cat([self.users.weight, self.project(self.items.weight)])
        x = self.dropout(F.leaky_relu(self.first(x)))
        return self.last_dropout(self.second(x))

    def loss(self, batch: PairBatch) -> Losses:
        """BPR of what users had against what they did not have."""
        found, first = self.nodes(), self.pairs.num_users + 1
        users, items = found[batch.users], found[batch.items + first]
        loss = bpr((users * items).sum(dim=-1), (users[:, None] * found[batch.negatives + first]).sum(dim=-1))
        return Losses(loss, {"bpr": loss.detach()})

    @torch.no_grad()
    def vectors(self) -> tuple[Tensor, Tensor]:
        """Final vectors float32[U + 1, W] of users and float32[N + 1, W] of items."""
        found, first = self.kept(lambda: self.nodes().float()), self.pairs.num_users + 1
        return found[:first], found[first:]

    @torch.no_grad()
    def score(self, histories: Histories) -> Tensor:
        """float32[R, N + 1]; column 0 is ``-inf``."""
        users, items = self.vectors()
        return inner_products(represent(self.pairs, users, items, histories, same_length=True), items)

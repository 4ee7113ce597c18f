"""The parallel head: all L codes of the next item at once, each from the state alone; best items are found exactly.

Source   RPG (arXiv:2506.05781): head l looks from its own query q_l(h) at the codes of level l,
             log p(item) = sum over l of log softmax_k(<q_l(h), e_lk> / temperature)[c_l(item)]
Departs  no graph to search by: as the sum is one look-up a level, the whole catalogue is scanned (a product quantiser's
         inner-product scan). Beside the paper's loss a level there is a loss over items: the sums above are the logits of
         a softmax over the catalogue, whose table of N items is made of L x K code vectors
Letters  B rows, P positions, W width, N items, L levels, K codes of a level, V width of a code vector, C candidates
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.models.generative.head import CodeHead
from penchant.models.generative.tokens import CodeEmbedding
from penchant.nn.kept import Kept
from penchant.objectives.softmax import FullSoftmax, Objective
from penchant.search.product_scan import CODES, ProductScan


class ParallelSettings(Settings):
    """Of the parallel head. The defaults are RPG's."""

    kind: Literal["parallel"] = "parallel"
    temperature: float = Field(default=0.03, gt=0, description="of the cosines: of a level's, or over items of all levels' together")
    part: int | None = Field(default=None, ge=1, description="V; None: W, and the vectors of the item tokens' codes are used")
    over_items: bool = Field(default=False, description="whether the loss is a softmax over items instead of one a level; needs a part")

    def make(
        self, codes: np.ndarray, width: int, *, embedding: CodeEmbedding | None, dropout: float, objective: Objective | None
    ) -> CodeHead:
        """The head. It is one linear layer deep, so nothing is dropped."""
        return ParallelHead(codes, width, self, embedding=embedding, objective=objective)


class ResidualQueries(nn.Module):
    """q_l(h) = h + SiLU(h W_l), at unit length; W_l begins at zero, so that all heads begin as the state (Medusa, arXiv:2401.10774)."""

    def __init__(self, width: int, levels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width, levels * width))
        self.levels = levels

    def forward(self, states: Tensor) -> Tensor:
        """[P, W] -> [P, L, W]."""
        return F.normalize(states[:, None] + F.silu(states @ self.weight).unflatten(-1, (self.levels, -1)), dim=-1)


class ProductQueries(nn.Module):
    """One projection cut into L parts, at unit length as a whole: a part that says little of this state may be short."""

    def __init__(self, width: int, levels: int, part: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, levels * part)
        self.levels = levels

    def forward(self, states: Tensor) -> Tensor:
        """[P, W] -> [P, L, V]."""
        return F.normalize(self.project(states), dim=-1).unflatten(-1, (self.levels, -1))


class ParallelHead(Kept, CodeHead):
    """Scores the codes of every level by the state alone.

    Args:
        codes: int[N + 1, L]; items may share all codes, and tie then.
        width: W.
        settings: Loss, temperature, width of code vectors.
        embedding: Of the item tokens, used where ``settings.part`` is None and there is one of the same codes.
        objective: Loss over items, which has the temperature in it; the full softmax by default.

    Raises:
        InputError: A level has more than 256 codes, or a loss over items is asked for without a part.
    """

    def __init__(
        self,
        codes: np.ndarray,
        width: int,
        settings: ParallelSettings | None = None,
        *,
        embedding: CodeEmbedding | None = None,
        objective: Objective | None = None,
    ) -> None:
        super().__init__(codes)
        self.settings = settings = settings or ParallelSettings()
        require(max(self.sizes) <= CODES, f"codebook={max(self.sizes)}", f"a code is one byte: at most {CODES} a level", "use smaller ones")
        require(
            settings.part is not None or not settings.over_items,
            "over_items without a part",
            f"the table over items would be {len(self.sizes) * width} wide",
            "pass part, such as 128 / levels",
        )
        self.levels = len(self.sizes)
        absent = torch.arange(max(self.sizes)) >= torch.tensor(self.sizes)[:, None]
        #: float32[L, K], ``-inf`` where a level has no such code.
        self.register_buffer("missing", torch.zeros(absent.shape).masked_fill(absent, -torch.inf), persistent=False)
        self.missing: Tensor
        own = settings.part is not None or embedding is None
        self.embedding = CodeEmbedding(self.sizes, settings.part or width) if own or embedding is None else embedding
        self.queries: nn.Module = (
            ResidualQueries(width, self.levels) if settings.part is None else ProductQueries(width, self.levels, settings.part)
        )
        #: By which a product of a query and a code vector becomes a logit.
        self.scale = 1.0 / settings.temperature if settings.part is None else self.levels**-0.5 / settings.temperature
        self.objective = objective or FullSoftmax(scale=1.0 / settings.temperature)

    def loss(self, states: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of the target's codes, a level, or of the target among all items."""
        queries = self.queries(states)
        if self.settings.over_items:
            return self.objective(queries.flatten(1), targets, CodeTable(self))
        logits = self.logits(queries, self.vectors()).float()
        return F.cross_entropy(logits.flatten(0, 1), self.codes_of(targets).flatten())

    def logits(self, queries: Tensor, vectors: Tensor) -> Tensor:
        """float[P, L, K] of queries [P, L, V] and code vectors [L, K, V]; ``-inf`` for codes that a level does not have."""
        return torch.einsum("plv,lkv->plk", queries, vectors) * self.scale + self.missing

    def vectors(self) -> Tensor:
        """[L, K, V], unit vectors of the codes; levels with fewer than K codes are filled up with zeros."""
        rows = F.normalize(self.embedding.table.weight, dim=-1)
        if min(self.sizes) == max(self.sizes):
            return rows.view(self.levels, max(self.sizes), -1)
        return nn.utils.rnn.pad_sequence(list(rows.split(self.sizes)), batch_first=True)

    @torch.no_grad()
    def chances(self, states: Tensor, items: Tensor) -> Tensor:
        """The sums over levels of the log-probabilities of the items' codes."""
        levels = self.logits(self.queries(states), self.kept(self._tables)[0]).float().log_softmax(dim=-1)
        wanted = self.codes_of(items).transpose(1, 2)  # [B, L, C]
        return levels.gather(2, wanted).sum(dim=1)

    @torch.no_grad()
    def score(self, states: Tensor) -> Tensor:
        """All items, as sums of L look-ups each."""
        levels = self.logits(self.queries(states), self.kept(self._tables)[0]).float().log_softmax(dim=-1)
        places = self.codes.long() + torch.arange(self.levels, device=self.codes.device) * levels.shape[2]
        return F.embedding_bag(places, levels.flatten(1).T.contiguous(), mode="sum").T.contiguous()

    @torch.no_grad()
    def best(self, states: Tensor, places: int, exclude: Histories | None = None, allowed: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Exactly the best, by a scan of the catalogue's codes."""
        places = min(places, self.num_items)
        queries = self.queries(states).float()
        vectors, scan = self.kept(self._tables)
        constant = self.logits(queries, vectors).logsumexp(dim=-1).sum(dim=-1, keepdim=True)
        mask = None if allowed is None else allowed.numpy()
        found = scan.search((queries * self.scale).numpy(), places, exclude=exclude, allowed=mask)
        return torch.from_numpy(found.items).long(), torch.from_numpy(found.scores) - constant

    def _tables(self) -> tuple[Tensor, ProductScan]:
        vectors = self.vectors()
        return vectors, ProductScan(vectors.float().numpy(), self.codes[1:].numpy())


class CodeTable:
    """Item vectors made of code vectors, at unit length: what an objective over items works with."""

    def __init__(self, head: ParallelHead) -> None:
        self.head = head

    def all(self) -> Tensor:
        """[N + 1, L * V]."""
        return self._of(self.head.codes.long())

    def some(self, items: Tensor) -> Tensor:
        """int64[...] -> [..., L * V]."""
        return self._of(self.head.codes_of(items))

    def _of(self, codes: Tensor) -> Tensor:
        rows = F.normalize(self.head.embedding.table.weight, dim=-1) * self.head.levels**-0.5
        return F.embedding(codes + self.head.embedding.starts, rows).flatten(-2)

"""The two sides of a dense head: vectors of users and of items whose inner products are its scores.

So a user's vector can be made now and used later, against any index over the items' vectors.

Letters: B rows, N items, V width of the vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.nn import functional as F

from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.models.generative.tandem import Tandem
from penchant.models.sequence.retriever import SequenceRetriever


class DenseHead:
    """Of Tandem, or of any network whose scores are products of states with item vectors.

    Args:
        model: In evaluation mode; it must not be trained any more.

    Raises:
        InputError: The model scores states in a way of its own.
    """

    def __init__(self, model: SequenceRetriever[Any]) -> None:
        own = isinstance(model, Tandem) or type(model).score_states is SequenceRetriever.score_states
        require(own, f"{type(model).__name__}", "its scores are not products of a state with item vectors", "pass Tandem or SASRec")
        self.model, self.num_items = model, model.num_items
        rows = model.tables()[1] if isinstance(model, Tandem) else model.head.table.all()
        #: float32[N, V], in code order.
        self.items: np.ndarray = rows[1:].detach().numpy()

    def users(self, histories: Histories) -> np.ndarray:
        """float32[B, V], the vector after each history."""
        states = self.model.states(histories)
        if isinstance(self.model, Tandem):
            return F.normalize(states, dim=-1).numpy()
        head = self.model.head
        if head.temperature is not None:
            states = F.normalize(states, dim=-1) / head.temperature
        return (states if head.table.bias is None else F.pad(states, (0, 1), value=1.0)).numpy()

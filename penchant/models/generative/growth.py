"""A trained Tandem over more items: new ones are read, ranked and generated at once, without training anything.

A new item has no training events, so its gate is closed and its token is made of its codes and its vector. Its codes for
a head over learnt codes come from the quantiser that made the others', applied to that token.

Letters: N items before, M items after, L levels, W width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from penchant.core.errors import require
from penchant.items.quantiser import Quantiser
from penchant.models.generative.recode import item_vectors
from penchant.models.generative.tandem import Tandem
from penchant.models.generative.tokens import CodeEmbedding


def grown(model: Tandem, codes: np.ndarray, vectors: np.ndarray, quantiser: Quantiser | None = None) -> Tandem:
    """The network over M >= N items. Dense scores of the N items do not change, nor those of a parallel head.

    A head that generates level by level shares its probability among more codes where a level has got longer, so its scores
    of known items fall a little, unevenly.

    Args:
        model: Over N items.
        codes: int32[M + 1, L], the first N + 1 rows being the model's.
        vectors: float32[M + 1, D], likewise.
        quantiser: Made the code head's codes of the network's item vectors; None where the head has the codes above.

    Raises:
        InputError: A code of a known item was moved, or the head has codes of its own and no quantiser is given.
    """
    known, added = model.num_items, len(codes) - 1 - model.num_items
    require(
        added >= 0, f"{len(codes) - 1} items", f"the network knows {known}, and none is taken away", "pass all of them, then the new ones"
    )
    mine = model.tokens.codes.numpy()
    kept = np.array_equal(np.maximum(codes[1 : known + 1], 0), mine[1:])
    require(kept, "codes of known items that differ", "the network was trained with their present codes", "append items with ItemSpace.add")
    own = not np.array_equal(model.code_head.codes[1:].numpy(), mine[1:])
    require(quantiser is not None or not own, "quantiser=None", "the code head has codes of its own", "pass the quantiser that made them")
    counts = np.concatenate([model.tokens.counts.numpy(), np.zeros(added, np.float32)])
    head = _padded(model.code_head.codes.numpy(), added) if own else None
    larger = _with_weights(model, Tandem(codes, vectors, counts, model.settings, head_codes=head))
    if quantiser is None or not own or not added:
        return larger
    new = quantiser.encode(item_vectors(larger)[known + 1 :])
    head = np.concatenate([model.code_head.codes.numpy(), new.astype(np.int32)])
    return _with_weights(model, Tandem(codes, vectors, counts, model.settings, head_codes=head))


def _padded(rows: np.ndarray, added: int) -> np.ndarray:
    return np.concatenate([rows, np.zeros((added, *rows.shape[1:]), rows.dtype)])


@torch.no_grad()
def _with_weights(old: Tandem, new: Tandem) -> Tandem:
    """``new`` with the weights of ``old``; rows of items and codes that ``old`` does not have are zero."""
    sizes = {name: part.sizes for name, part in old.named_modules() if isinstance(part, CodeEmbedding)}
    for name, weight in new.named_parameters():
        source = old.get_parameter(name)
        if weight.shape == source.shape:
            weight.copy_(source)
            continue
        weight.zero_()
        owner = name.removesuffix(".table.weight")
        if owner in sizes:
            part = new.get_submodule(owner)
            assert isinstance(part, CodeEmbedding)
            _by_level(weight, part.sizes, source, sizes[owner])
        else:
            weight[: len(source)] = source
    return new.train(old.training)


def _by_level(weight: Tensor, sizes: tuple[int, ...], source: Tensor, before: tuple[int, ...]) -> None:
    for level, rows in enumerate(source.split(list(before))):
        start = sum(sizes[:level])
        weight[start : start + len(rows)] = rows

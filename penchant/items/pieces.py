"""Pieces of semantic IDs: what an item's row in an embedding table is replaced by (Singh et al., RecSys 2024, arXiv:2306.08121).

    hashed           one row of a table that items share by chance: remembers, and knows nothing of meaning
    n_grams          each run of n codes is a piece
    sentence_pieces  runs of codes as long as traffic makes them worth, by byte-pair encoding (Sennrich et al., ACL 2016): the paper's
                     SentencePiece has it beside a unigram model, whose training does not end on some small catalogues

All give int32[N + 1, P] with numbers of rows below the number they also give, -1 where an item has fewer pieces; row 0 is -1.

Letters: N items, L levels, K codes a level, P pieces, R rows of the table.
"""

from __future__ import annotations

from itertools import repeat

import numpy as np
from tokenizers import Tokenizer, models, trainers

from penchant.core.errors import require
from penchant.core.seeds import generator

_FIRST = 0x20000  # where a code is a character: the largest plane of letters that are neither spaces nor joined to others
_CHARACTERS = 42_000


def hashed(num_items: int, rows: int, seed: int = 0) -> tuple[np.ndarray, int]:
    """One random row of R an item, as a hash would give."""
    require(rows >= 1, f"rows={rows}", "a table has at least one row", "pass rows>=1")
    found = generator(seed).integers(rows, size=(num_items + 1, 1), dtype=np.int32)
    found[0] = -1
    return found, rows


def n_grams(codes: np.ndarray, length: int) -> tuple[np.ndarray, int]:
    """L / n pieces an item, a table of K ** n rows each.

    Args:
        codes: int[N + 1, L], row 0 ignored.
        length: n; divides L.
    """
    levels, size = codes.shape[1], int(codes.max(initial=0)) + 1
    require(length >= 1 and levels % length == 0, f"length={length}", f"it divides the {levels} levels", "pass a divisor")
    groups = np.maximum(codes, 0).astype(np.int64).reshape(len(codes), -1, length)
    table = size**length
    require(table * groups.shape[1] < 2**31, f"{size} ** {length} rows", "a table fits into memory", "pass a smaller length, or codebook")
    found = (groups * size ** np.arange(length)[::-1]).sum(axis=-1) + table * np.arange(groups.shape[1])
    found[0] = -1
    return found.astype(np.int32), table * groups.shape[1]


def sentence_pieces(codes: np.ndarray, counts: np.ndarray, rows: int) -> tuple[np.ndarray, int]:
    """At most R learnt pieces, which spell every item's codes. They are learnt from events: what is often had gets long ones.

    Args:
        codes: int[N + 1, L], row 0 ignored.
        counts: int[N + 1], training events an item.
        rows: R; at least as many as there are codes, all levels together.
    """
    sizes = np.maximum(codes, 0).max(axis=0).astype(np.int64) + 1
    alphabet = int(sizes.sum())
    require(
        alphabet <= min(rows, _CHARACTERS), f"rows={rows}", f"each of {alphabet} codes is a piece at least", "pass more, or fewer codes"
    )
    letters = np.maximum(codes, 0) + np.concatenate([[0], np.cumsum(sizes)[:-1]])  # a code of another level is another letter
    words = ["".join(chr(_FIRST + letter) for letter in row) for row in letters[1:].tolist()]
    tokenizer = Tokenizer(models.BPE())
    letters_of_all = [chr(_FIRST + letter) for letter in range(alphabet)]
    trainer = trainers.BpeTrainer(vocab_size=rows, initial_alphabet=letters_of_all, show_progress=False)
    events = (word for word, count in zip(words, counts[1:].tolist(), strict=True) for word in repeat(word, max(int(count), 1)))
    tokenizer.train_from_iterator(events, trainer)
    pieces = [one.ids for one in tokenizer.encode_batch(words)]
    found = np.full((len(codes), max(map(len, pieces), default=1)), -1, np.int32)
    for item, ids in enumerate(pieces, start=1):
        found[item, : len(ids)] = ids
    return found, tokenizer.get_vocab_size()

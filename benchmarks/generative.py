"""Generative retrieval against Hugging Face ``generate``: a T5 of TIGER's size that writes semantic IDs under a prefix trie.

Both work on Amazon Beauty's catalogue and histories, both with untrained weights: what a beam search costs does not depend
on what was learnt. The T5 is given what TIGER is given (the codes of the last 20 items) and may only write codes of items.
Ours: the encoder over items, with the depth head's beam search, or with the parallel head's exact scan. They take turns.

Also: what beam search, scan and exact scoring of all items cost as the catalogue grows.

Run: python -m benchmarks.generative
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import torch
from transformers import T5Config, T5ForConditionalGeneration

from benchmarks.harness import compared, median_ms, row, write
from penchant.core.seeds import seed_everything
from penchant.data.histories import Histories
from penchant.data.sources import load
from penchant.data.splits import leave_one_out
from penchant.items.collisions import unique_codes
from penchant.items.trie import CodeTrie
from penchant.models.generative.depth import DepthSettings
from penchant.models.generative.parallel import ParallelSettings
from penchant.models.generative.retrievers import CodeRetriever
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings

LEVELS, CODEBOOK = 3, 256  # and a last level that makes codes unique: four tokens an item
LONG = 32  # codes of the parallel head
HISTORY = 20
ROUNDS = 3
SIZES = (10_000, 100_000, 1_000_000)


class TigerSize:
    """A T5 of TIGER's size over code tokens, decoded by the library's own constrained beam search.

    Args:
        codes: int[N + 1, L].
    """

    def __init__(self, codes: np.ndarray) -> None:
        sizes = codes[1:].max(axis=0) + 1
        self.starts = 2 + np.concatenate([[0], np.cumsum(sizes)[:-1]])  # 0 pads, 1 ends
        self.tokens = codes + self.starts
        self.model = T5ForConditionalGeneration(
            T5Config(
                vocab_size=int(2 + sizes.sum()),
                d_model=128,
                d_kv=64,
                d_ff=1024,
                num_layers=4,
                num_decoder_layers=4,
                num_heads=6,
                pad_token_id=0,
                eos_token_id=1,
                feed_forward_proj="relu",
            )
        ).eval()
        self.model.config.decoder_start_token_id = self.model.generation_config.decoder_start_token_id = 0
        self.trie = CodeTrie(codes[1:])
        self.levels = codes.shape[1]

    def inputs(self, histories: Histories) -> dict[str, torch.Tensor]:
        """Token ids and mask of the codes of each history's last items, padded on the left."""
        rows = [self.tokens[histories.items[histories.rows == row][-HISTORY:]].ravel() for row in range(len(histories))]
        longest = max(len(row) for row in rows)
        ids = np.stack([np.pad(row, (longest - len(row), 0)) for row in rows])
        return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy((ids > 0).astype(np.int64))}

    def allowed(self, _row: int, written: torch.Tensor) -> list[int]:
        """Tokens that may follow what was written."""
        prefix = written[1:].tolist()
        if len(prefix) == self.levels:
            return [1]
        node = self.trie.find(tuple(int(token - start) for token, start in zip(prefix, self.starts, strict=False)))
        children = self.trie.codes[self.trie.offsets[node] : self.trie.offsets[node + 1]]
        return (children + self.starts[len(prefix)]).tolist()

    @torch.no_grad()
    def recommend(self, histories: Histories, beam: int) -> torch.Tensor:
        """Token ids of the best ``beam`` items a row."""
        return self.model.generate(  # type: ignore[operator]
            **self.inputs(histories),
            num_beams=beam,
            num_return_sequences=beam,
            max_new_tokens=self.levels + 1,
            prefix_allowed_tokens_fn=self.allowed,
            do_sample=False,
        )

    def examples_per_second(self, histories: Histories, rows: int = 64) -> float:
        """Training examples, one target item each, a second: forward, backward and step, as the public code trains."""
        optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        inputs = self.inputs(histories.take(np.arange(rows)))
        labels = torch.from_numpy(self.tokens[np.arange(1, rows + 1)])

        def step() -> None:
            self.model.train()
            self.model(**inputs, labels=labels).loss.backward()
            optimiser.step()
            optimiser.zero_grad()

        rate = rows / (median_ms(step, repeats=5, warm=1) / 1e3)
        self.model.eval()
        return rate


def network(codes: np.ndarray, head: DepthSettings | ParallelSettings, own: np.ndarray | None = None) -> CodeRetriever:
    """Tandem with that head, untrained."""
    seed_everything(0)
    items = len(codes)
    vectors = np.zeros((items, 8), np.float32)
    settings = TandemSettings(with_vectors=False, dense_weight=0.0, code_weight=1.0, code_head=head)
    return CodeRetriever(Tandem(codes, vectors, np.ones(items), settings, head_codes=own).eval())


def made_codes(items: int, levels: int, *, unique: bool, seed: int = 0) -> np.ndarray:
    """int32[N + 1, levels (+ 1)], uniformly random codes."""
    codes = np.random.default_rng(seed).integers(0, CODEBOOK, (items, levels)).astype(np.int32)
    codes = unique_codes(codes) if unique else codes
    return np.concatenate([np.full((1, codes.shape[1]), -1, np.int32), codes])


def in_turns(calls: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """What each call gives, in rounds, so that a busy minute hits all of them."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            found[name].append(call())
    return found


def main() -> None:
    """Measure and write."""
    dataset = load("amazon-beauty").dataset
    split, items = leave_one_out(dataset), dataset.num_items
    codes, long = made_codes(items, LEVELS, unique=True), made_codes(items, LONG, unique=False)
    histories = split.test.histories.last(HISTORY)
    full = np.flatnonzero(histories.lengths == HISTORY)
    one, many = histories.take(full[:1]), histories.take(full[:64])
    peer = TigerSize(codes)
    named = {"peer_name": "transformers generate, T5 of TIGER's size", "peer_version": version("transformers")}
    rows = []

    def against(what: str, unit: str, calls: dict[str, Callable[[], float]], *, bars: dict[str, float], more: bool) -> None:
        found = in_turns(calls)
        for name, values in found.items():
            if name != "peer":
                rows.append({**compared(f"{what}: {name}", unit, values, found["peer"], bar=bars.get(name), more_is_better=more), **named})

    depth = {beam: network(codes, DepthSettings(beam=beam)) for beam in (20, 50)}
    parallel = network(codes, ParallelSettings(part=4, over_items=True, temperature=0.07), long)
    for beam, model in depth.items():
        against(
            f"one user, beam {beam}",
            "ms, median",
            {
                "depth head, beam search": lambda model=model, beam=beam: median_ms(lambda: model.recommend(one, beam), repeats=50, warm=5),
                "parallel head, exact": lambda beam=beam: median_ms(lambda: parallel.recommend(one, beam), repeats=50, warm=5),
                "peer": lambda beam=beam: median_ms(lambda: peer.recommend(one, beam), repeats=5, warm=1),
            },
            bars={"depth head, beam search": 15, "parallel head, exact": 40},
            more=False,
        )

    def users(call: Callable[[], object], repeats: int) -> float:
        return len(many) / median_ms(call, repeats=repeats, warm=1) * 1e3

    against(
        "64 users at a time, beam 20",
        "users/s",
        {
            "depth head, beam search": lambda: users(lambda: depth[20].recommend(many, 20), 20),
            "parallel head, exact": lambda: users(lambda: parallel.recommend(many, 20), 20),
            "peer": lambda: users(lambda: peer.recommend(many, 20), 1),
        },
        bars={"depth head, beam search": 100, "parallel head, exact": 100},
        more=True,
    )

    def positions(model: CodeRetriever) -> float:
        settings = TrainSettings(epochs=1, steps=60, warmup_steps=5)
        return Trainer(settings).fit(model.model, split.train).positions_per_second

    against(
        "training, target items",
        "targets/s",
        {
            "depth head": lambda: positions(network(codes, DepthSettings())),
            "parallel head": lambda: positions(network(codes, ParallelSettings(part=4, over_items=True, temperature=0.07), long)),
            "peer": lambda: peer.examples_per_second(many),
        },
        bars={"depth head": 100, "parallel head": 100},
        more=True,
    )
    write("generative", rows + growing())


def growing() -> list[dict[str, object]]:
    """One user's beam search, scan and exact dense scores against the size of the catalogue."""
    rows: list[dict[str, object]] = []
    first: dict[str, float] = {}
    history = Histories.of([list(range(1, HISTORY + 1))])
    for size in SIZES:
        codes, long = made_codes(size, LEVELS, unique=True), made_codes(size, LONG, unique=False)
        beam = network(codes, DepthSettings(beam=20))
        scan = network(codes, ParallelSettings(part=4, over_items=True, temperature=0.07), long)
        trie = CodeTrie(codes[1:])
        held = trie.nbytes + beam.model.code_head.codes.nbytes
        rows.append(row(f"{size:,} items: trie and codes", "bytes an item", held / size, bar=40))
        states = beam.model.states(history)
        queries = scan.model.states(history)
        calls: dict[str, Callable[[], object]] = {
            "beam search, beam 20": lambda beam=beam, states=states: beam.model.code_head.best(states, 20),
            "parallel head, exact scan": lambda scan=scan, queries=queries: scan.model.code_head.best(queries, 20),
            "dense head, exact": lambda beam=beam, states=states: beam.model.score_states(states).topk(20),
        }
        with torch.no_grad():
            for name, call in calls.items():
                took = median_ms(call, repeats=30, warm=3)
                first.setdefault(name, took)
                bar = 2.0 if name.startswith("beam") and size == SIZES[-1] else None
                rows.append(row(f"{size:,} items, one state: {name}", "ms, median", took))
                if size == SIZES[-1]:
                    rows.append(row(f"{name}: {SIZES[0]:,} to {size:,} items", "times", took / first[name], bar=bar))
    codes = made_codes(SIZES[-1], LEVELS, unique=True)
    started = time.perf_counter()
    CodeTrie(codes[1:])
    rows.append(row(f"building the trie of {SIZES[-1]:,} items", "s", time.perf_counter() - started))
    return rows


if __name__ == "__main__":
    main()

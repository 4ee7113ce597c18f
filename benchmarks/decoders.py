"""What it costs to generate codes: an encoder-decoder against a decoder-only network of as many weights, and one token an item.

One user; TIGER (``penchant.models.generative.tiger``), a causal network over the same codes that keeps the keys and values of the
history (``code_decoder``), and Tandem's encoder over items with the depth head. Weights are untrained: what a search costs does not
depend on them. Operations are counted by formula, and the formulas are held against torch's own counter.

Letters: n items of a history, T = n + 1 of them with the start token, L codes an item, S = T L tokens, W width, I inner width,
w beam, K codes of a level; an addition and a multiplication are two operations.

Run: python -m benchmarks.decoders [--quick]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.generative import made_codes
from benchmarks.harness import compared, median_ms, row, write
from penchant.core.seeds import seed_everything
from penchant.data.batches import collate
from penchant.data.histories import Histories
from penchant.models.generative.code_decoder import CodeDecoder, CodeDecoderSettings
from penchant.models.generative.depth import DepthSettings
from penchant.models.generative.retrievers import CodeRetriever
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.models.generative.tiger import Tiger, TigerSettings
from penchant.train.flops import count_flops

ITEMS, LEVELS, WIDTH, HEADS, INNER, LAYERS = 12_000, 3, 128, 4, 512, 2  # and a level that makes codes unique; layers of each side of TIGER
LENGTHS, BEAMS = (10, 20, 50, 100, 200), (10, 20, 50)
FARTHEST = 100_000  # items up to which a crossing is looked for
ROUNDS = 3
AGREE = 0.01  # share by which formula and counter may differ
NAMES = {"encoder-decoder": "encoder-decoder over codes", "decoder-only": "decoder-only over codes", "items": "one token an item"}


@dataclass(frozen=True)
class Shape:
    """What the formulas need to know of a network.

    Attributes:
        width, inner, layers: W, I, and layers (of each side of the encoder-decoder).
        sizes: K of each level.
    """

    width: int
    inner: int
    layers: int
    sizes: tuple[int, ...]

    def block(self, queries: float, keys: float) -> float:
        """Self-attention of ``queries`` steps to ``keys`` steps that include them, and the feed-forward part."""
        return 8 * queries * self.width**2 + 4 * queries * keys * self.width + 4 * queries * self.width * self.inner

    def outputs(self, beam: int) -> float:
        """Scores of the codes of all levels: of one beam at the first level, of w afterwards."""
        return 2 * self.width * (self.sizes[0] + beam * sum(self.sizes[1:]))


def encoder_decoder(shape: Shape, items: int, beam: int) -> float:
    """Operations of TIGER: the encoder once, then at each level all codes of each beam with attention to the memory."""
    width, steps = shape.width, (items + 1) * len(shape.sizes)
    total = shape.layers * (shape.block(steps, steps) + 4 * steps * width**2) + shape.outputs(beam)  # keys and values for the decoder
    for level in range(len(shape.sizes)):
        beams, own = (beam if level else 1), level + 1
        tokens = beams * own
        total += shape.layers * (shape.block(tokens, own) + 4 * tokens * width**2 + 4 * tokens * steps * width) + 2 * width**2
    return total


def decoder_only(shape: Shape, items: int, beam: int) -> float:
    """Operations of the causal network: the history once, the first code from its last token, then the codes of each beam."""
    steps = (items + 1) * len(shape.sizes)
    total = shape.layers * shape.block(steps, steps) + shape.outputs(beam)
    for level in range(1, len(shape.sizes)):
        total += shape.layers * shape.block(beam * level, steps + level)
    return total


def one_token_an_item(shape: Shape, items: int, beam: int) -> float:
    """Operations of Tandem: a causal network over items, then a small feed-forward part for each beam and level."""
    width, tokens = shape.width, 1 + beam * (len(shape.sizes) - 1)
    return shape.layers * shape.block(items + 1, items + 1) + 2 * width**2 * (1 + 4) * tokens + shape.outputs(beam)


FORMULAS: dict[str, Callable[[Shape, int, int], float]] = {
    "encoder-decoder": encoder_decoder,
    "decoder-only": decoder_only,
    "items": one_token_an_item,
}


def matched_inner(codes: np.ndarray) -> int:
    """Inner width at which the decoder-only network, as deep as both sides of TIGER together, has as many weights."""
    target = weights(Tiger(codes, TigerSettings(width=WIDTH, layers=LAYERS, heads=HEADS, inner=INNER)))
    narrow, wide = (
        weights(CodeDecoder(codes, CodeDecoderSettings(width=WIDTH, layers=2 * LAYERS, heads=HEADS, inner=one))) for one in (1, 2)
    )
    return round(1 + (target - narrow) / (wide - narrow))


def weights(model: nn.Module) -> int:
    """Weights outside of tables that are looked up in."""
    tables = {id(one.weight) for one in model.modules() if isinstance(one, nn.Embedding)}
    return sum(one.numel() for one in model.parameters() if id(one) not in tables)


def networks(codes: np.ndarray, items: int, beam: int, inner: int) -> dict[str, Any]:
    """The three, untrained, for histories of so many items."""
    seed_everything(0)
    shape: dict[str, Any] = {"width": WIDTH, "heads": HEADS, "max_len": items + 1, "dropout": 0.0}
    tandem = TandemSettings(
        **shape, layers=2 * LAYERS, with_ids=False, with_vectors=False, dense_weight=0.0, code_head=DepthSettings(beam=beam)
    )
    nothing = np.zeros((len(codes), 1), np.float32)
    return {
        "encoder-decoder": Tiger(codes, TigerSettings(**shape, layers=LAYERS, inner=INNER, beam=beam)).eval(),
        "decoder-only": CodeDecoder(codes, CodeDecoderSettings(**shape, layers=2 * LAYERS, inner=inner, beam=beam)).eval(),
        "items": CodeRetriever(Tandem(codes, nothing, np.ones(len(codes)), tandem).eval()),
    }


def crossing(one: Callable[[int], float], other: Callable[[int], float]) -> int | None:
    """The least number of items at which it is no longer the same of the two that costs less; None if it always is."""
    every = np.unique(np.concatenate([np.arange(1, 1000), np.geomspace(1000, FARTHEST, 2000).astype(int)]))
    cheaper = np.array([one(int(items)) < other(int(items)) for items in every])
    changed = np.flatnonzero(cheaper != cheaper[0])
    return int(every[changed[0]]) if len(changed) else None


def main() -> None:
    """Count, check, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two lengths, one beam, few repeats; nothing is written")
    quick = parser.parse_args().quick
    lengths, beams, repeats = ((10, 50), (10,), 2) if quick else (LENGTHS, BEAMS, 5)
    codes = made_codes(ITEMS, LEVELS, unique=True)
    inner, sizes = matched_inner(codes), tuple(int(size) for size in codes.max(axis=0) + 1)
    shapes = {
        "encoder-decoder": Shape(WIDTH, INNER, LAYERS, sizes),
        "decoder-only": Shape(WIDTH, inner, 2 * LAYERS, sizes),
        "items": Shape(WIDTH, 4 * WIDTH, 2 * LAYERS, sizes),
    }
    rows: list[dict[str, Any]] = []
    for name, model in networks(codes, 10, 10, inner).items():
        counted = weights(model.model if name == "items" else model)
        rows.append(row(f"{NAMES[name]}: weights outside of tables", "weights", counted))
    costs: list[dict[str, Any]] = []
    times: list[dict[str, Any]] = []
    apart = 0.0
    for beam in beams:
        for items in lengths:
            history = Histories.of([np.random.default_rng(items).integers(1, ITEMS + 1, items)])
            found, took = {}, {name: [] for name in NAMES}
            calls = {
                name: lambda model=model, beam=beam, history=history: model.recommend(history, beam)
                for name, model in networks(codes, items, beam, inner).items()
            }
            for name, call in calls.items():
                call()  # tables that are made once
                found[name] = FORMULAS[name](shapes[name], items, beam)
                seen = count_flops(call)
                apart = max(apart, abs(seen / found[name] - 1))
                if apart > AGREE:
                    raise SystemExit(f"{name}, {items} items, beam {beam}: formula {found[name]:.4g}, counted {seen:.4g} operations")
            for _ in range(1 if quick else ROUNDS):
                for name, call in calls.items():
                    took[name].append(median_ms(call, repeats=repeats, warm=1))
            for mine, peer in (("decoder-only", "encoder-decoder"), ("items", "decoder-only")):
                what = f"{items} items, beam {beam}: {NAMES[mine]}"
                named = {"peer_name": NAMES[peer], "peer_version": ""}
                gigas = [[found[which] / 1e9] for which in (mine, peer)]
                costs.append({**compared(what, "GFLOP", *gigas, more_is_better=False), **named})
                times.append({**compared(what, "ms, median", took[mine], took[peer], more_is_better=False), **named})
    rows += [row("formulas against torch's counter: largest difference", "share", apart, bar=AGREE), *costs, *times]
    rows += crossings(shapes, beams) + passes(codes, inner, lengths)
    if quick:
        print(*(f"{one['what']}: {one['ours']:g} {one['unit']}, {one['peer_name']} {one['peer']}" for one in rows), sep="\n")
        return
    write("decoders", rows)


def crossings(shapes: dict[str, Shape], beams: tuple[int, ...]) -> list[dict[str, Any]]:
    """From which length on the other of encoder-decoder and decoder-only needs fewer operations, by the formulas."""
    rows = []
    for beam in beams:
        cost = {name: lambda items, name=name, beam=beam: FORMULAS[name](shapes[name], items, beam) for name in shapes}
        at = crossing(cost["encoder-decoder"], cost["decoder-only"])
        first = "encoder-decoder" if cost["encoder-decoder"](1) < cost["decoder-only"](1) else "decoder-only"
        told = f"beam {beam}: {first} needs fewer operations at 1 item; the other from"
        if at is None:
            rows.append(row(f"beam {beam}: {first} needs fewer operations at every length up to", "items", FARTHEST))
        else:
            rows.append(row(told, "items", at))
        shares = [cost["decoder-only"](items) / cost["encoder-decoder"](items) for items in (1, 1_000, FARTHEST)]
        for items, share in zip((1, 1_000, FARTHEST), shares, strict=True):
            rows.append(row(f"beam {beam}, {items:,} items: operations of decoder-only over encoder-decoder", "times", share))
    return rows


def passes(codes: np.ndarray, inner: int, lengths: tuple[int, ...]) -> list[dict[str, Any]]:
    """Operations of a training step, forward and backward, for one history: every item of it is a target."""
    rows = []
    for items in lengths:
        models = networks(codes, items, 10, inner)
        batch = collate(Histories.of([np.random.default_rng(items).integers(1, ITEMS + 1, items)]))
        found = {}
        for name, model in models.items():
            network = (model.model if name == "items" else model).train()
            with torch.enable_grad():
                found[name] = count_flops(lambda network=network, batch=batch: network.loss(batch).total.backward()) / items / 1e9
        for mine, peer in (("decoder-only", "encoder-decoder"), ("items", "decoder-only")):
            named = {"peer_name": NAMES[peer], "peer_version": ""}
            what = f"training, {items} items: {NAMES[mine]}"
            rows.append({**compared(what, "GFLOP a target", [found[mine]], [found[peer]], more_is_better=False), **named})
    return rows


if __name__ == "__main__":
    main()

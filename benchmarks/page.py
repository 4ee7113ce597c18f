"""docs/benchmarks.md and docs/drills.md from benchmarks/results/*.json, so that no number there is typed by hand; losses are shown too.

Run: python -m benchmarks.page
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.harness import RESULTS
from penchant.serve.drill import report

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, DRILLS = DOCS / "benchmarks.md", DOCS / "drills.md"
TITLES = {  # also the order; a file not named here comes last, under its own name
    "peers": "Against other libraries",
    "training": "Training",
    "profile": "Where a training step spends its time",
    "ranking": "Ranking",
    "tandem": "Tandem to its reported accuracy",
    "generative": "Generative retrieval",
    "decoders": "Encoder-decoder, decoder-only, one token an item",
    "quantisers": "Semantic IDs",
    "serving": "The online platform",
    "resources": "Where a request's time goes",
    "cost": "Cost by users and items",
    "layers": "What two layers know of a user",
    "adaptation": "Vectors that follow the day",
    "tiers": "Head and tail",
    "stages": "Generator, ranker, policy",
    "repurchase": "What is due next",
    "portraits": "Portraits",
    "language": "The small language model",
    "explanations": "Explanations",
    "judging": "Judging matches",
    "portraits_served": "Portraits beside requests",
    "masked": "Masked items against next items",
    "scaling": "More data",
    "indexes": "Nearest neighbours",
    "loading": "Loading",
    "demo": "The demo",
}
INTRODUCTIONS = {
    "peers": (
        "Amazon Beauty, leave-one-out, 2 layers, 2 heads, windows of 50, 2 threads. Both sides run in fresh processes that take "
        "turns, so that other work on the machine falls on both; numbers are medians. The ratio says how many times better ours is: "
        "below 1 the peer is better. Models are trained for seconds only: nothing here is about accuracy.\n\n"
        "Batches are of about 4,096 padded steps (ours, RecTools) and of 2,048 examples (RecBole, which makes one example of each "
        "prefix); as ours puts rows of like length together, less of its batch is padding. "
        "Each side computes as it comes: Penchant in bfloat16 where the processor multiplies it in hardware, the others in "
        "float32. Sampled softmax draws 64 negatives: ours a batch, RecTools a target. RecBole has no call for one user; the time is that "
        "of its model and the sort. For alternating least squares each history is folded in by both sides."
    ),
    "generative": (
        "Amazon Beauty's catalogue, histories of 20 items, 4 codes an item (32 of the parallel head), 2 threads. The peer is a T5 of "
        "TIGER's size (4 + 4 layers, width 128) in Hugging Face `generate` under a prefix trie. All weights are untrained: what a search "
        "costs does not depend on them. Both sides take turns; numbers are medians. Below: catalogues of random codes of growing size."
    ),
    "tandem": (
        "Amazon Beauty, leave-one-out, full ranking, one seed, settings of the claim `tandem-beats-sasrec`, all cores. Timed is "
        "everything after the text vectors: codes, network, codes of what was learnt, their head, the choice of its weight, and all "
        "validation. Beside it Cornac's TIGER and RPG in the library's own settings and exact or beam search (20), each trained for 45 "
        "seconds before and after "
        "it in fresh processes: their speed is compared, not their accuracy. Their item features are random. One of TIGER's epochs would "
        "take longer than our whole training."
    ),
    "decoders": (
        "One user, a catalogue of 12,000 items, 4 codes an item; networks of as many weights (2 + 2 layers of width 128, or 4 layers with "
        "a wider feed-forward part; one token an item: 4 layers and the depth head). Here the peer is our own other network. Operations "
        "are counted by formula, which torch's counter confirms; times are of the same search. Weights are untrained. Both networks over "
        "codes run the codes of a beam anew at each level; keys and values of the history are made once and shared by all beams."
    ),
    "quantisers": (
        "Fitting on all items and encoding them, 3 codes of 256 each, in fresh processes that take turns; peak memory is the process's "
        "own, vectors and libraries included. The peer has as many codes of the same meaning: FAISS' residual quantiser with a beam of 1, "
        "which learns from no more rows than ours. The error is the mean squared distance of a unit vector to what its codes give back; an "
        "item collides if another has all its codes."
    ),
    "serving": (
        "The Complete Journey: 92,331 products, households of the release asking for lists of 20 with "
        "reasons, at random moments of a given rate (an open loop: times count from when a request should have left), for 12 seconds each. "
        "Beside them 50 requests a second log 4 purchases each, which the server's worker follows, in a process of its own. "
        "All of it and the load generator share two cores. A list has a deadline only where it says so; then late generators are left "
        "out, and lists are made in a quicker way. "
        "Networks run in a process of their own on the same two cores. Those of the release were trained for at most 120 steps "
        "(`benchmarks.serving_release`), which changes what they say and not how long they take. Nearly every request is of a "
        "household that has not been here before, so nearly each has a vector made beside it; "
        "with stored vectors alone no list waits for a network. The bar at 50 a second is held by the deadline and not by the networks: a "
        "list by them with reasons takes some 30 ms of a core, so two cores that also follow events and send the load cannot make 50 a "
        "second. Of those with a deadline nearly all are made of stored vectors and what goes together, without reasons (the shares stand "
        "in the table); more cores, or --dear-cores and a longer deadline, move that. "
        "Batches: of a list without a deadline the network's call is a part only, "
        "beside reasons (made a list at a time, of thirteen histories each) and Python; the last row says what a batch saves in that call."
    ),
    "resources": (
        "The Complete Journey again, one client that asks again as soon as it has an answer, so nothing waits for anything. Shares of the "
        "median round trip: *finding what is known* is reading log, state and the catalogue's cards; *computing* is generators, merging, "
        "rank, rules and reasons; *JSON* is reading the request and writing the answer, timed apart on the same bodies; *HTTP and "
        "loopback* is what remains: the server's event loop, the socket, the client. One machine: a real network comes on top. A single "
        "model's list goes through no rules."
    ),
    "layers": (
        "MovieLens 100K, one clock for all: users who come back after the cut are followed through up to 20 events. The offline layer is "
        "the mean of the vectors of what they had before the cut, the near-line layer the network's state after what was done since, or "
        "after everything but the newest event. The trust in a mean beside a state lies between what is best for other users in either "
        "situation; reported are the users of no choice, each counting once, so intervals are wide."
    ),
    "cost": (
        "All made up, each size in a fresh process on one core. Users have 20 events and a vector of 128 numbers; a worker then follows "
        "events of users and items drawn evenly, of 50,000 items, so that hardly any two of a batch share anything, which is the worst "
        "case. A list without networks is made of what lies near a vector, what goes with the newest items and what is popular, under the "
        "default rules, without reasons; from 50,000 items on by indexes."
    ),
    "adaptation": (
        "Ratings in order of time; SASRec learns from the first 70% and stays as it is, while a change of rank 8 to all users' vectors "
        "learns from each later event after its item was ranked. Settings were tried on this stream of MovieLens 100K, so what it gives "
        "there is no test. In the control it learns "
        "from other users' vectors, which leaves it what is popular. Below: a drift that was put into the stream; events kept apart tell "
        "how lists do on what became frequent and on everything else."
    ),
    "tiers": (
        "The same two streams, as if 1,000 events came in a day. An item is head while more than 5 of the newest events (worth half after "
        "a day) are of it, and until fewer than 2.5 are. Vectors of head items move towards users who take them unexpectedly and away from "
        "those who do not though it was expected, a hundredth of their length an event, at most 0.3 of it; the rate was chosen on "
        "MovieLens 100K. Each event is asked of the lists before it is learnt from. Daily: lists see the same vectors once a day. All "
        "live: every item is head from its first event on. Which events are of head items is decided by what was popular just before, so "
        "whatever ranks the popular first does well on them; all events together tell whether that is worth it."
    ),
    "repurchase": (
        "Complete Journey: of the product types a household has bought before, which does it buy in four weeks? Learnt from January to "
        "September, asked in three windows from October on, a household counting once. Settings were chosen on August and September; with "
        "others these windows had been looked at once. The shuffled control keeps how often and loses when."
    ),
    "language": (
        "SmolLM2-135M-Instruct (4-bit weights taken apart to bfloat16) on this machine's two cores. Labels are genres of MovieLens-100K's "
        "films, by title alone."
    ),
    "explanations": (
        "Lists of the demo's release: are explanations true, do they name what drove the item, are they this user's? 50 of the sentences, "
        "read one by one, are in `docs/explanations-checked.csv`."
    ),
    "judging": (
        "MovieLens-100K: a light classifier learns from 1,500 labels whether a film is a bad match, and leaves a fifth of later films out. "
        "What matters is how many of the films that people then rated 1 or 2 are left, against leaving out by chance."
    ),
    "portraits": (
        "Complete Journey: portraits of all households from events alone, one after another. Below: who is interested in something, by the "
        "index and by reading all portraits, among people that are made up. Whether potential interests come true is in the "
        "[atlas](atlas/potential_interests.md)."
    ),
    "portraits_served": (
        "No language model is on the path of a request. What is left of portraits is that they are made anew beside it, on the same two "
        "cores: 20 lists a second with a deadline of 20 ms in an open loop, 200 events a second, servers with and without started in turn. "
        "A difference is that of "
        "two servers of one round; the range is over rounds."
    ),
    "masked": (
        "Why BERT4Rec stays behind SASRec on Amazon Beauty. One seed, 6,000 steps, the recipes' defaults. Masks leave a fifth of the "
        "targets: SASRec that learns from just those events tells what that alone costs. The newest item of a random prefix is one target "
        "a row, and what is seen then is what is seen in use."
    ),
    "stages": (
        "MovieLens 100K with ratings as likes and dislikes, leave-one-out; the recipe `modern_ranking` under the budget of its claim, "
        "three seeds. The policy is the platform's: neighbours of different first genre, one place in twenty for films with few events. "
        "What it costs is accuracy; that it does what it says is counted. Last, lists of the ranker with all weight on one head."
    ),
    "profile": (
        "Processor time of one thread, so that other work on the machine counts for little. A share is of the whole step. The "
        "matrix products of the softmax are the model's own work; the rest of it is one pass of exponentials over positions x items."
    ),
}


def page(folder: Path = RESULTS) -> str:
    """The page as text."""
    parts = [
        "# Benchmarks",
        "",
        "Made by `python -m benchmarks.page` from `benchmarks/results/`; measured by `python -m benchmarks` and "
        "`python -m benchmarks.peers`. Utilisation is model FLOPs a second over the fastest matrix product that several processes saw.",
    ]
    names = [path.stem for path in folder.glob("*.json")]
    for name in sorted(names, key=lambda name: (list(TITLES).index(name) if name in TITLES else len(TITLES), name)):
        rows = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        if not isinstance(rows, list) or not rows:
            continue
        parts += ["", f"## {TITLES.get(name, name.capitalize())}", ""]
        parts += [INTRODUCTIONS[name], ""] if name in INTRODUCTIONS else []
        parts += table(rows)
        parts += ["", *machines(rows)]
    return "\n".join(parts) + "\n"


def drills(folder: Path = RESULTS) -> str:
    """The page of drills."""
    return report.page(json.loads((folder / "drills.json").read_text(encoding="utf-8")))


def table(rows: list[dict[str, Any]]) -> list[str]:
    """One line a row; columns of peers and of shares only where there are any."""
    peers = any(row["peer"] is not None for row in rows)
    shares = any("share" in row for row in rows)
    head = ["measured", "unit", "ours", *(["peer", "", "ratio"] if peers else []), *(["share"] if shares else ["bar"])]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        cells = [row["what"], row["unit"], number(row["ours"])]
        if peers and row["peer"] is None:
            cells += ["", "", ""]
        elif peers:
            cells += [number(row["peer"]), f"{row['peer_name']} {row['peer_version']}", number(row["ratio"])]
        bar = "" if row["bar"] is None else f"{number(row['bar'])}: {'holds' if row['holds'] else '**missed**'}"
        cells.append(f"{row['share']:.0%}" if "share" in row else bar)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return lines


def number(value: float) -> str:
    """Three or four figures, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def machines(rows: list[dict[str, Any]]) -> list[str]:
    """Where the rows come from."""
    loads: dict[str, list[float]] = {}
    for row in rows:
        machine = row["machine"]
        told = f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads, torch {machine['packages']['torch']}, "
        commit, changes = str(row["commit"]).partition("+")[::2]
        loads.setdefault(f"{told}commit {commit[:12]}{' with changes' if changes else ''}", []).append(row["load"])
    return [f"{told}; load {min(load):.1f} to {max(load):.1f}." for told, load in loads.items()]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    DRILLS.write_text(drills(), encoding="utf-8")

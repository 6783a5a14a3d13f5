"""Compare networks of several sizes on the same claims and questions: AUROC of the network alone, time, size.

    python tests/bench/bench_sizes.py --bench DIR --out FILE --weights NAME=FILE.onnx ... [--limit N]

Claims of an answer count as the answer: the least log-odds of support. Smaller networks come from `train --layers`. What joins
the network with words and gates is left out here: it is fitted to one network (`fit_entailment`).
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from run import measured
from sklearn.metrics import roc_auc_score

from rag.checker.check import Checker, claim_items
from rag.checker.entailment import claim_pair, network_features
from rag.checker.support import LogisticSupport
from rag.citations import parse_answer
from rag.crossencoder.inputs import Pair, passage_pair
from rag.crossencoder.runtime import CrossEncoder
from rag.crossencoder.training.examples import kept_sources, read_pairs, source_digest
from rag.crossencoder.training.written import held_out_pairs, read_items

ROOT = Path(__file__).resolve().parent.parent.parent
OWN = ROOT / "data" / "checking"
SEED = 9
_RESAMPLES = 500
_TIMED = 60

Group = tuple[bool, list[tuple[Pair, int]]]  # is it unsupported or unanswerable; what is read, and where the claim begins


def main() -> int:
    """Read every set with every network and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", nargs="+", required=True, metavar="NAME=FILE")
    parser.add_argument("--limit", type=int, default=150, help="answers of each set, 0 for all")
    options = parser.parse_args()
    pools = _pools(options.bench)
    rng = random.Random(SEED)
    sets = {name: _inputs(rng.sample(pool, min(options.limit or len(pool), len(pool)))) for name, pool in pools.items()}
    questions = _own_questions()
    results: dict[str, Any] = {"limit": options.limit, **measured(), "networks": {}}
    for given in options.weights:
        name, _, file = given.partition("=")
        network = CrossEncoder(Path(file))
        found = {kind: _figure(groups, [_supported(network, group) for group in groups]) for kind, groups in sets.items()}
        found["own questions"] = _figure(questions, [network.read([g[1][0][0]])[0].answers for g in questions])
        timed = [pair for group in sets["minimal-pairs"] for pair, _ in group[1]][:_TIMED]
        size = round(Path(file).stat().st_size / 1e6, 1)
        results["networks"][name] = {"megabytes": size, "ms_per_pair": _milliseconds(Path(file), timed), "auroc": found}
        print(name, json.dumps(results["networks"][name]), flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


def _pools(bench: Path) -> dict[str, list[dict[str, Any]]]:
    """Pairs of each set, none of which the network was taught."""
    train = read_pairs(bench / "ragtruth_train" / "pairs.jsonl.gz")
    kept = kept_sources(train)
    test = read_pairs(next((bench / "ragtruth_test").glob("pairs.jsonl*")))
    tasks = ("QA", "Summary", "Data2txt")
    pools = {f"ragtruth rest, {t}": [p for p in train if p["task"] == t and source_digest(p) in kept] for t in tasks}
    pools |= {f"ragtruth test, {t}": [p for p in test if p["task"] == t] for t in tasks}
    pools |= {name: read_pairs(next((bench / name).glob("pairs.jsonl*"))) for name in ("attributionbench", "wice")}
    pools |= {name: read_pairs(OWN / f"{name}.jsonl") for name in ("minimal-pairs", "parallel")}
    return pools | {"own claims": list(held_out_pairs(OWN / "training"))}


def _inputs(pairs: Sequence[Mapping[str, Any]]) -> list[Group]:
    """What the network reads of each answer; answers of which it reads nothing are left out."""
    checker = Checker(model=LogisticSupport())
    found: list[Group] = []
    for item in pairs:
        sources = [(source["id"], source["text"]) for source in item["sources"]]
        claims = parse_answer(item["answer"], [name for name, _ in sources])
        readings = checker.read_all(claim_items(claims, sources, item.get("question")))
        given = [claim_pair(reading.alignment, reading.context) for reading in readings if reading is not None]
        if given:
            found.append((item["label"] == "unsupported", given))
    return found


def _own_questions() -> list[Group]:
    """The questions written for this project that nothing was learnt from, beside their passages."""
    items = [item for path in sorted((OWN / "training").glob("*.txt")) for item in read_items(path) if item.is_held_out]
    return [
        (answer is None, [(passage_pair(question, "", item.passage)[0], 0)])
        for item in items
        for question, answer in item.questions
    ]


def _supported(network: CrossEncoder, group: Group) -> float:
    reads = network.read([pair for pair, _ in group[1]])
    return min(network_features(read, pair, at)["net_support"] for read, (pair, at) in zip(reads, group[1], strict=True))


def _figure(groups: Sequence[Group], scores: Sequence[float]) -> dict[str, float]:
    """AUROC in percent with the middle 95 % of resamples of answers."""
    wrong, odds = np.array([group[0] for group in groups]), -np.array(scores)
    rng = np.random.default_rng(SEED)
    drawn = []
    while len(drawn) < _RESAMPLES:
        rows = rng.integers(0, len(wrong), len(wrong))
        if 0 < wrong[rows].sum() < len(rows):
            drawn.append(roc_auc_score(wrong[rows], odds[rows]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    value = float(roc_auc_score(wrong, odds))
    return {"value": round(100 * value, 1), "low": round(100 * low, 1), "high": round(100 * high, 1), "n": len(wrong)}


def _milliseconds(file: Path, pairs: Sequence[Pair]) -> float:
    """Median time for one pair on one core; a network of its own, which has read none of them."""
    network = CrossEncoder(file)
    times = []
    for pair in pairs:
        started = time.perf_counter()
        network.read([pair])
        times.append(1000 * (time.perf_counter() - started))
    return round(statistics.median(times[3:]), 1)


if __name__ == "__main__":
    raise SystemExit(main())

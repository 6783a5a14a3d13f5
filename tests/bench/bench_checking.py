"""Check the labelled answers of the benchmark sets and print the figures beside two floors.

    python tests/bench/bench_checking.py --bench DIR --out FILE [--sets ragtruth_test ...] [--limit N]

Floors, on the same pairs: always "unsupported", and plain word overlap (an answer is unsupported when more than 56 % of the
content words of one of its sentences are in no source).
"""

import argparse
import sys
import time
from typing import Any

from sets import options_for, run_sets

from ingest.analysis import terms
from ingest.sentences import sentence_spans
from rag.batch import LabelledPair, labelled_pairs
from rag.checker.check import Checker, check_answer
from rag.evaluation.checking import pair_row, row_figures
from rag.evaluation.results import examine_pairs
from rag.evaluation.rows import sampled
from rag.evaluation.table import interval

SETS = ("ragtruth_test", "attributionbench", "wice", "faithbench")
FLOOR_SHARE = 0.56  # Source: the benchmark folder's README, threshold from ragtruth_train
SHOWN = ("F1", "balanced accuracy", "macro-F1", "AUROC", "span character F1", "unsupported among kept 60%")


def main() -> int:
    """Run the sets that are named and write one result file."""
    options = options_for(__doc__, SETS, limit=0)
    checker = Checker()
    results = {"checker": checker.name, "version": checker.version, "threshold": checker.threshold}
    return run_sets(options, results, lambda name: run(name, options, checker), "pairs.jsonl")


def run(name: str, options: argparse.Namespace, checker: Checker) -> dict[str, Any]:
    """Figures of the checker and of the floors for one set, printed as a table."""
    file = next((options.bench / name).glob("pairs.jsonl*"))
    pairs = [pair for pair in labelled_pairs(file) if isinstance(pair, LabelledPair)]
    pairs = sampled(pairs, options.limit or None)
    started = time.perf_counter()
    rows = list(examine_pairs(pairs, lambda pair: check_answer(pair.job.answer, pair.job.sources, checker, pair.job.question)))
    seconds = time.perf_counter() - started
    figures = row_figures(rows)
    floor_rows = [pair_row(pair.label, overlap_floor(pair.label)) for pair in pairs]
    floors = {row["metric"]: row for row in row_figures(floor_rows, resamples=0)}
    always = {row["metric"]: row["value"] for row in figures if "always" in row["metric"]}
    print(f"\n{name}: {len(pairs)} pairs, {1000 * seconds / max(1, len(pairs)):.1f} ms a pair")
    print(f"{'metric':48} {'value':>7}  {'95 % interval':15} {'overlap':>8} {'always':>7} {'n':>6}")
    for row in figures:
        group, _, metric = row["metric"].partition(": ")
        if metric in SHOWN:
            said = always[f"{group}: F1 of always 'unsupported'"] if metric == "F1" else ""
            floor = f"{floors[row['metric']]['value']:.1f}" if row["metric"] in floors else "-"
            print(f"{row['metric']:48} {row['value']:7.1f}  {interval(row):15} {floor:>8} {said!s:>7} {row['n']:6}")
    sys.stdout.flush()
    return {
        "n": len(pairs),
        "ms_per_pair": round(1000 * seconds / max(1, len(pairs)), 2),
        "figures": figures,
        "overlap_floor": list(floors.values()),
    }


def overlap_floor(pair: dict[str, Any]) -> dict[str, Any]:
    """The plain rule: the sentence with the largest share of words that no source has decides."""
    there = {term for source in pair["sources"] for term in terms(source["text"], "en")}
    claims, worst = [], 0.0
    for start, end in sentence_spans(pair["answer"]):
        words = terms(pair["answer"][start:end], "en")
        missing = sum(word not in there for word in words) / len(words) if words else 0.0
        worst = max(worst, missing)
        verdict = "not_enough" if missing > FLOOR_SHARE else "supported"
        claims.append({"start": start, "end": end, "verdict": verdict, "score": 1 - missing, "unsupported_spans": []})
    return {"id": pair["id"], "supported": worst <= FLOOR_SHARE, "score": 1 - worst, "claims": claims}


if __name__ == "__main__":
    raise SystemExit(main())

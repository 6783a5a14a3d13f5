"""Check the labelled answers of the benchmark sets and print the figures beside two floors.

    python tests/bench/bench_checking.py --bench DIR --out FILE [--sets ragtruth_test ...] [--limit N]

Floors, on the same pairs: always "unsupported", and plain word overlap (an answer is unsupported when more than 56 % of the
content words of one of its sentences are in no source).
"""

import argparse
import gzip
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.analysis import terms
from ingest.sentences import sentence_spans
from rag.checker.check import Checker, check_answer
from rag.evaluation.checking import checking_figures

SETS = ("ragtruth_test", "attributionbench", "wice", "faithbench")
FLOOR_SHARE = 0.56  # Source: the benchmark folder's README, threshold from ragtruth_train
SHOWN = ("F1", "balanced accuracy", "macro-F1", "AUROC", "span character F1", "unsupported among kept 60%")


def main() -> int:
    """Run the sets that are named and write one result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--limit", type=int, default=0, help="pairs of each set, 0 for all")
    options = parser.parse_args()
    checker = Checker()
    results: dict[str, Any] = {"checker": checker.name, "version": checker.version, "threshold": checker.threshold}
    results |= {"commit": _commit(), "machine": platform.platform(), "sets": {}}
    for name in options.sets:
        pairs = list(read_pairs(options.bench / name))
        pairs = pairs[: options.limit] if options.limit else pairs
        results["sets"][name] = run(name, pairs, checker)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


def run(name: str, pairs: list[dict[str, Any]], checker: Checker) -> dict[str, Any]:
    """Figures of the checker and of the floors for one set, printed as a table."""
    started = time.perf_counter()
    outputs = [
        {"id": pair["id"], **check_answer(pair["answer"], _sources(pair), checker, pair.get("question"))} for pair in pairs
    ]
    seconds = time.perf_counter() - started
    figures = checking_figures(pairs, outputs)
    floors = {row["metric"]: row for row in checking_figures(pairs, [overlap_floor(pair) for pair in pairs], resamples=0)}
    always = {row["metric"]: row["value"] for row in figures if "always" in row["metric"]}
    print(f"\n{name}: {len(pairs)} pairs, {1000 * seconds / max(1, len(pairs)):.1f} ms a pair")
    print(f"{'metric':48} {'value':>7}  {'95 % interval':15} {'overlap':>8} {'always':>7} {'n':>6}")
    for row in figures:
        group, _, metric = row["metric"].partition(": ")
        if metric in SHOWN:
            said = always[f"{group}: F1 of always 'unsupported'"] if metric == "F1" else ""
            interval = f"[{row['low']:.1f}, {row['high']:.1f}]"
            floor = floors[row["metric"]]["value"]
            print(f"{row['metric']:48} {row['value']:7.1f}  {interval:15} {floor:8.1f} {said!s:>7} {row['n']:6}")
    sys.stdout.flush()
    return {
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


def read_pairs(folder: Path) -> Iterator[dict[str, Any]]:
    """Pairs of one set, gzipped or not."""
    packed = folder / "pairs.jsonl.gz"
    with (
        gzip.open(packed, "rt", encoding="utf-8")
        if packed.exists()
        else (folder / "pairs.jsonl").open(encoding="utf-8") as lines
    ):
        for line in lines:
            yield json.loads(line)


def _sources(pair: dict[str, Any]) -> list[tuple[str, str]]:
    return [(source["id"], source["text"]) for source in pair["sources"]]


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "uncommitted"


if __name__ == "__main__":
    raise SystemExit(main())

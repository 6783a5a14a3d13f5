"""Ingest the corpora of the benchmark sets with the `ingest` command, search them, and print the figures with intervals.

    python tests/bench/bench_search.py --bench DIR --out FILE [--sets scifact ...] [--limit N] [--stores DIR]

A store is made once per set under --stores (default data/cache/bench) and used again while it fits the embedder.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from ingest.errors import StoreError
from ingest.store import Store
from rag.config import RagConfig
from rag.evaluation.intervals import mean_with_interval, usable_clusters
from rag.evaluation.retrieval import level_of, question_figures
from rag.retriever import Retriever, RetrieverSettings

SETS = ("scifact", "squad2", "xquad_en", "xquad_es", "xquad_de", "xquad_es2en", "clapnq", "chunking_evaluation", "kgrag_sec10q")
SHOWN = {"document": ("ndcg@10", "recall@10"), "page": ("hit@5", "hit@10"), "span": ("ndcg@10", "hit@1", "hit@5")}


def main() -> int:
    """Run the sets that are named and write one result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stores", type=Path, default=Path("data/cache/bench"))
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--limit", type=int, default=0, help="questions of each set, 0 for all")
    options = parser.parse_args()
    results: dict[str, Any] = {"sets": {}}
    for name in options.sets:
        if not (options.bench / name / "questions.jsonl").exists():
            print(f"{name}: not in {options.bench}, left out", file=sys.stderr)
            continue
        results["sets"][name] = run(name, options)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


def run(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Figures of one set."""
    store, ingested = prepared_store(name, options.bench, options.stores)
    questions = [
        json.loads(line) for line in (options.bench / name / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    questions = [question for question in questions if question["gold"]]
    questions = questions[: options.limit] if options.limit else questions
    config = RagConfig()
    settings = RetrieverSettings(**config.retriever.model_dump(exclude={"top_k"}))
    retriever = Retriever(Store.open(store), config.embedder.embedder(), settings)
    retriever.search("warm up", 1)
    level = level_of(questions)
    rows, clusters, seconds = [], [], []
    for question in questions:
        started = time.perf_counter()
        passages = [passage.to_json() for passage in retriever.search(question["question"], 50 if level == "document" else 10)]
        seconds.append(time.perf_counter() - started)
        rows.append(question_figures(question, passages, level))
        clusters.append(question["gold"][0]["document"])
    groups = usable_clusters(clusters)
    figures = {metric: mean_with_interval([row[metric] for row in rows], groups) for metric in rows[0]}
    p50, p95 = (1000 * float(np.percentile(seconds, q)) for q in (50, 95))
    print(f"\n{name}: {len(rows)} questions, by {level}; search p50 {p50:.0f} ms, p95 {p95:.0f} ms; ingested in {ingested} s")
    for metric in SHOWN[level]:
        value, low, high = figures[metric]
        print(f"  {metric:10} {100 * value:5.1f}  [{100 * low:.1f}, {100 * high:.1f}]")
    return {
        "level": level,
        "n": len(rows),
        "ingest_seconds": ingested,
        "search_ms": {"p50": round(p50, 1), "p95": round(p95, 1)},
        "figures": {m: {"value": round(v, 4), "low": round(lo, 4), "high": round(hi, 4)} for m, (v, lo, hi) in figures.items()},
    }


def prepared_store(name: str, bench: Path, stores: Path, corpus: Path | None = None) -> tuple[Path, float | None]:
    """The store of a set, made from `corpus` or the set's own, and the seconds that took, None where it was there already."""
    store = stores / name
    try:
        Store.open(store, embedder=RagConfig().embedder.model)
        return store, None
    except StoreError:
        shutil.rmtree(store, ignore_errors=True)
    corpus = corpus or bench / name / "corpus"
    if not corpus.is_dir():
        unpacked = stores / "corpora" / name
        with tarfile.open(bench / name / "corpus.tar.gz") as archive:
            archive.extractall(unpacked, filter="data")
        corpus = unpacked / "corpus"
    store.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    command = [str(Path(sys.executable).parent / "ingest"), str(corpus), "--store", str(store), "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return store, round(time.monotonic() - started, 1)


if __name__ == "__main__":
    sys.exit(main())

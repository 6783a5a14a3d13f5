"""Ask the questions of the benchmark sets and of the sample folder, the whole way, and print what came of it with intervals.

    python tests/bench/bench_ask.py --bench DIR --out FILE [--sets squad2 ...] [--limit N] [--stores DIR]

Right, wrong and abstained are three numbers: a system that always abstains is never wrong.
"""

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

from bench_search import prepared_store

from ingest.config import StoreConfig
from ingest.store import Store
from rag.config import RagConfig
from rag.engine import build_engine
from rag.evaluation.answers import document_of, is_contained
from rag.evaluation.caching import CachingEmbedder
from rag.evaluation.intervals import mean_with_interval, usable_clusters
from rag.pipeline import answer

SETS = ("sample", "squad2", "xquad_en", "xquad_es", "clapnq", "nomiracl_es", "nomiracl_en")
SAMPLE = Path(__file__).resolve().parent.parent.parent / "data" / "sample"


def main() -> int:
    """Run the sets that are named and write one result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stores", type=Path, default=Path("data/cache/bench"))
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument(
        "--limit", type=int, default=300, help="questions of each set, drawn at random with a fixed seed; 0 for all"
    )
    options = parser.parse_args()
    results: dict[str, Any] = {"generator": "quote", "limit": options.limit, "sets": {}}
    for name in options.sets:
        if name != "sample" and not (options.bench / name / "questions.jsonl").exists():
            continue
        results["sets"][name] = run(name, options)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


def run(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Figures of one set."""
    if name == "sample":
        store, _ = prepared_store(name, SAMPLE.parent, options.stores, corpus=SAMPLE)
        file = SAMPLE.with_name("sample-questions.jsonl")
    else:
        store, _ = prepared_store(name, options.bench, options.stores)
        file = options.bench / name / "questions.jsonl"
    questions = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    if options.limit and len(questions) > options.limit:
        questions = random.Random(0).sample(questions, options.limit)
    config = RagConfig(store=StoreConfig(path=store))
    # The sentences of a small corpus are candidates for question after question, and embedding them takes most of the time.
    engine = build_engine(config, CachingEmbedder(config.embedder.embedder()))
    snapshot = Store.open(store).snapshot()
    texts = {document: snapshot.document(document).text for document in snapshot.states}
    rows: dict[str, list[tuple[float, str]]] = {}
    for question in questions:
        result = answer(engine, question["question"])
        for metric, value in _figures(question, result, texts).items():
            rows.setdefault(metric, []).append((value, document_of(question)))
    print(f"\n{name}: {len(questions)} questions")
    figures = {}
    for metric, values in rows.items():
        clusters = usable_clusters([cluster for _, cluster in values])
        mean, low, high = mean_with_interval([value for value, _ in values], clusters)
        figures[metric] = {"value": round(mean, 4), "low": round(low, 4), "high": round(high, 4), "n": len(values)}
        print(f"  {metric:32} {100 * mean:5.1f}  [{100 * low:.1f}, {100 * high:.1f}]  n={len(values)}")
    return figures


def _figures(question: dict[str, Any], result: Any, texts: dict[str, str]) -> dict[str, float]:
    """What one answer adds to each figure."""
    found: dict[str, float] = {}
    if question["answerable"]:
        found["answerable: abstained"] = float(result.abstained)
        if question["answers"]:
            right = not result.abstained and is_contained(question["answers"], result.text, question["lang"])
            found["answerable: right"] = float(right)
            found["answerable: wrong"] = float(not right and not result.abstained)
    else:
        found["unanswerable: answered"] = float(not result.abstained)
    for claim in result.claims:
        for citation in claim.citations:
            is_verbatim = texts[citation.document][citation.start : citation.end] == citation.quote
            found["citations verbatim"] = min(found.get("citations verbatim", 1.0), float(is_verbatim))
    return found


if __name__ == "__main__":
    sys.exit(main())

"""Measure the quoting voice on question sets: silence, wrong answers, answers contained, citations.

`python tests/bench/bench_quote.py --bench DIR [--sets squad2 ...] [--limit N] --out FILE`. Retrieval is the small one in memory
of `rag.generators.fit_quote`, so these are figures of the voice and not of the product. Percent with 95 % intervals (1,000
bootstrap resamples of whole documents; of questions with fewer than 8 documents). `... if it always answers` is measured with
threshold 0: it tells a wrong sentence from silence.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.embedder import SentenceTransformerEmbedder
from rag.answers import Passage
from rag.drafts import citation
from rag.evaluation.answers import document_of, is_contained
from rag.evaluation.caching import CachingEmbedder
from rag.evaluation.citations import citation_precision, citation_recall
from rag.evaluation.retrieval import levels_of
from rag.evaluation.rows import Values, figures_of, sampled
from rag.evaluation.table import interval
from rag.generators import Draft, Request
from rag.generators.fit_quote import MemoryIndex
from rag.generators.question_sets import load_set
from rag.generators.quote import QuoteGenerator

SETS = ("squad2", "squad_es", "xquad_en", "xquad_es", "xquad_de", "clapnq", "nomiracl_es", "nomiracl_en")


def question_values(question: Mapping[str, Any], passages: Sequence[Passage], draft: Draft, forced: Draft) -> Values:
    """What one question adds to each figure."""
    if not question["answerable"]:
        return {"unanswerable: wrongly answered": (float(not draft.declined), 1.0)}
    figures = {"answerable: abstained": float(draft.declined)}
    if question["answers"]:
        for name, found in (("answer contained", draft), ("answer contained if it always answers", forced)):
            text = " ".join(passages[q.passage].text[q.start : q.end] for q in found.quotes)
            figures[name] = float(is_contained(question["answers"], text, question["lang"]))
        if not draft.declined:
            figures["answered: answer contained"] = figures["answer contained"]
    if draft.quotes:
        figures["quotes per 100 answers"] = float(len(draft.quotes))
        if "span" in levels_of(question):
            cited = [citation(passages[q.passage], q.start, q.end, q.score) for q in draft.quotes]
            figures["citation recall"] = citation_recall(question, cited)
            figures["citation precision"] = citation_precision(question, cited)
    return {name: (value, 1.0) for name, value in figures.items()}


def measure(folder: Path, embedder: CachingEmbedder, limit: int | None) -> list[dict[str, Any]]:
    """Ask the questions of one set and return its figures."""
    chunks, questions = load_set(folder, embedder)
    questions = sampled(questions, limit)
    index = MemoryIndex(chunks, embedder, questions[0]["lang"])
    voice, always = QuoteGenerator(embedder), QuoteGenerator(embedder, threshold=0.0)
    rows = []
    for question in questions:
        passages = index.search(question["question"], question["lang"])
        request = Request(question["question"], passages, question["lang"])
        values = question_values(question, passages, voice.generate(request), always.generate(request))
        rows.append({"cluster": document_of(question), "values": {"quote": values}})
    return figures_of(rows, ["quote"])


def main() -> int:
    """Measure the sets, print a table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--limit", type=int, help="most questions of a set")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    embedder = CachingEmbedder(SentenceTransformerEmbedder())
    results: dict[str, Any] = {}
    for name in options.sets:
        started = time.monotonic()
        results[name] = measure(options.bench / name, embedder, options.limit)
        for row in results[name]:
            print(f"{name:12} {row['metric']:40} {row['value']:6.1f} {interval(row)} n={row['n']}", flush=True)
        print(f"{name:12} {time.monotonic() - started:.0f} s", file=sys.stderr)
    about = {"limit": options.limit, "voice": QuoteGenerator().version, "retrieval": "memory: BM25 + cosine, top 10"}
    options.out.write_text(json.dumps({"about": about, "sets": results}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

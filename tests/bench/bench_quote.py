"""Measure the quoting voice on question sets: silence, wrong answers, answers contained, citations.

`python tests/bench/bench_quote.py --bench DIR [--sets squad2 ...] [--limit N] --out FILE`. Retrieval is the small one in memory
of `rag.generators.fit_quote`, so these are figures of the voice and not of the product. Percent with 95 % intervals (1,000
bootstrap resamples of whole documents; of questions with fewer than 8 documents). `... if it always answers` is measured with
threshold 0: it tells a wrong sentence from silence.
"""

import argparse
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ingest.embedder import SentenceTransformerEmbedder
from rag.answers import Passage
from rag.evaluation.answers import is_contained, shares_half
from rag.evaluation.caching import CachingEmbedder
from rag.generators import Draft, Request
from rag.generators.fit_quote import MemoryIndex, load_set
from rag.generators.quote import QuoteGenerator

SETS = ("squad2", "squad_es", "xquad_en", "xquad_es", "xquad_de", "clapnq", "nomiracl_es", "nomiracl_en")
_RESAMPLES = 1000


def citation_figures(question: Mapping[str, Any], passages: Sequence[Passage], draft: Draft) -> dict[str, float]:
    """Recall (best gold set) and precision of the quotes, matched by half of the shorter span."""
    sets: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for gold in question["gold"]:
        sets[gold.get("set")].append(gold)
    spans = [
        (passages[q.passage].document, passages[q.passage].start + q.start, passages[q.passage].start + q.end)
        for q in draft.quotes
    ]
    recall = max(sum(any(shares_half(*span, gold) for span in spans) for gold in golds) / len(golds) for golds in sets.values())
    precision = sum(any(shares_half(*span, gold) for gold in question["gold"]) for span in spans) / len(spans)
    return {"citation recall": recall, "citation precision": precision}


def question_figures(question: Mapping[str, Any], passages: Sequence[Passage], draft: Draft, forced: Draft) -> dict[str, float]:
    """The figures to which one question contributes, each 0 or 1 or a share."""
    if not question["answerable"]:
        return {"unanswerable: wrongly answered": float(not draft.declined)}
    figures = {"answerable: abstained": float(draft.declined)}
    if question["answers"]:
        for name, found in (("answer contained", draft), ("answer contained if it always answers", forced)):
            text = " ".join(passages[q.passage].text[q.start : q.end] for q in found.quotes)
            figures[name] = float(is_contained(question["answers"], text, question["lang"]))
        if not draft.declined:
            figures["answer contained, answered"] = figures["answer contained"]
    has_spans = question["gold"] and all(gold["start"] is not None for gold in question["gold"])
    if draft.quotes:
        figures["quotes an answer"] = float(len(draft.quotes))
        if has_spans:
            figures |= citation_figures(question, passages, draft)
    return figures


def summary(rows: Sequence[tuple[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Mean of every figure with n and interval; rows are (document, figures)."""
    randomness = np.random.default_rng(3)
    found = {}
    for name in dict.fromkeys(name for _, figures in rows for name in figures):
        groups: dict[str, list[float]] = defaultdict(list)
        for number, (document, figures) in enumerate(rows):
            if name in figures:
                groups[document if len({d for d, _ in rows}) >= 8 else str(number)].append(figures[name])
        sums = np.array([[sum(values), len(values)] for values in groups.values()])
        drawn = sums[randomness.integers(0, len(sums), (_RESAMPLES, len(sums)))].sum(axis=1)
        low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
        scale = 1.0 if name == "quotes an answer" else 100.0
        mean = sums[:, 0].sum() / sums[:, 1].sum()
        found[name] = {"value": scale * mean, "low": scale * low, "high": scale * high, "n": int(sums[:, 1].sum())}
        found[name] = {key: round(value, 2 if scale == 1 else 1) for key, value in found[name].items()}
    return found


def measure(folder: Path, embedder: CachingEmbedder, limit: int | None) -> dict[str, dict[str, float]]:
    """Ask the questions of one set and return its figures."""
    chunks, questions = load_set(folder, embedder)
    if limit is not None and limit < len(questions):
        questions = random.Random(1).sample(questions, limit)
    index = MemoryIndex(chunks, embedder, questions[0]["lang"])
    voice, always = QuoteGenerator(embedder), QuoteGenerator(embedder, threshold=0.0)
    rows = []
    for question in questions:
        passages = index.search(question["question"], question["lang"])
        request = Request(question["question"], passages, question["lang"])
        about = question.get("about") or (question["gold"] or [{"document": question["id"]}])[0]
        rows.append(
            (about["document"], question_figures(question, passages, voice.generate(request), always.generate(request)))
        )
    return summary(rows)


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
        for figure, row in results[name].items():
            print(f"{name:12} {figure:40} {row['value']:6} [{row['low']}, {row['high']}] n={row['n']}", flush=True)
        print(f"{name:12} {time.monotonic() - started:.0f} s", file=sys.stderr)
    about = {"limit": options.limit, "voice": QuoteGenerator().version, "retrieval": "memory: BM25 + cosine, top 10"}
    options.out.write_text(json.dumps({"about": about, "sets": results}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

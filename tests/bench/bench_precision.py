"""What 8 bits cost in retrieval: each set is embedded by the packaged MiniLM in 8 and in 32 bits, and searched in both.

    python tests/bench/bench_precision.py --bench DIR --out FILE [--sets scifact ...] [--limit N] [--stores DIR]

Twice for each precision: by meaning alone and as the retriever fuses. Without what would hide a part of the difference: the
second packaged embedder, which has one precision, and reranking. Questions are embedded in the precision of the texts; for
"mixed" in 8 bits over texts in 32.
"""

import json
import os
import sys
from typing import Any

from sets import options_for, prepared_store, run_sets

from ingest.config import EmbedderConfig, StoreConfig
from ingest.embedder import PACKAGED
from rag.batch import labelled_questions
from rag.config import RagConfig, RetrieverConfig
from rag.evaluation.asking import examine, open_subject, usable
from rag.evaluation.results import question_result
from rag.evaluation.rows import sampled

SETS = ("scifact", "squad2", "xquad_en", "clapnq", "chunking_evaluation", "kgrag_sec10q")  # in English, which MiniLM knows
MAIN = ("nDCG@10", "hit@5", "recall@5", "chars recall@5")
DENSE_ALONE = {"dense_weight": 1.0, "dense_weight_unknown": 1.0, "dense_weight_across": 1.0}
WAYS = {"int8": ("int8", "int8"), "float32": ("float32", "float32"), "mixed": ("float32", "int8")}  # of texts, of questions


def main() -> int:
    """Run the sets that are named and write one result file."""
    options = options_for(__doc__, SETS, limit=0)
    return run_sets(options, {}, lambda name: compared(name, options), "questions.jsonl")


def compared(name: str, options: Any) -> dict[str, Any]:
    """Figures of one set in every precision, and how far they are from those of 32 bits."""
    found: dict[str, Any] = {}
    for way, (texts, questions) in WAYS.items():
        os.environ["RAG_EMBEDDER__PRECISION"] = texts
        store, _ = prepared_store(name, options.bench, options.stores / texts, model=PACKAGED)
        del os.environ["RAG_EMBEDDER__PRECISION"]
        for search, settings in (("fused", {}), ("dense", DENSE_ALONE)):
            config = RagConfig(
                store=StoreConfig(path=store),
                embedder=EmbedderConfig(model=PACKAGED, precision=questions),
                retriever=RetrieverConfig(rerank=0, **settings),
            )
            found["n"], found[f"{search}, {way}"] = _figures(config, options.bench / name / "questions.jsonl", options.limit)
    for search in ("fused", "dense"):
        exact = found[f"{search}, float32"]
        for way in ("int8", "mixed"):
            found[f"{search}, {way} - float32"] = {
                metric: round(value - exact[metric], 2) for metric, value in found[f"{search}, {way}"].items()
            }
            print(name, search, way, json.dumps(found[f"{search}, {way} - float32"]), flush=True)
    return found


def _figures(config: RagConfig, file: Any, limit: int) -> tuple[int, dict[str, float]]:
    """Number of questions, and the main figures."""
    questions, notes = usable(labelled_questions(file), config.answer.max_question_chars)
    questions = sampled([question for question in questions if question.label["gold"]], limit or None)
    subject = open_subject(config, is_answering=False)
    result = question_result(list(examine(subject, questions, ("retrieval",))), ("retrieval",), {}, notes)
    return len(questions), {row["metric"]: row["value"] for row in result["figures"] if row["metric"].endswith(MAIN)}


if __name__ == "__main__":
    sys.exit(main())

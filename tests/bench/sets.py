"""What the benchmarks over sets share: options, a store for each set, the evaluation itself, the result file.

The evaluation is that of `rag eval`; only its summaries are kept here, not a row for every question.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from paragraphs import ParagraphBm25
from rich.console import Console
from run import measured

from ingest.config import StoreConfig
from ingest.errors import StoreError
from ingest.store import Store
from rag.batch import labelled_questions
from rag.config import RagConfig
from rag.evaluation.asking import examine, open_subject, usable
from rag.evaluation.gold import misplaced_gold
from rag.evaluation.results import question_result
from rag.evaluation.rows import sampled
from rag.evaluation.table import show_result
from rag.retriever import Retriever

SAMPLE = Path(__file__).resolve().parent.parent.parent / "data" / "sample"


def options_for(about: str, sets: Sequence[str], limit: int) -> argparse.Namespace:
    """Read the command line of a benchmark over sets."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stores", type=Path, default=Path("data/cache/bench"))
    parser.add_argument("--sets", nargs="+", default=list(sets))
    parser.add_argument("--limit", type=int, default=limit, help="lines of each set, drawn with a fixed seed; 0 for all")
    return parser.parse_args()


def run_sets(options: argparse.Namespace, results: dict[str, Any], run: Callable[[str], dict[str, Any]], file: str) -> int:
    """Run the sets that are there, and write the results after each; sets that are not run stay as the file has them."""
    head = results | measured()
    results = {**head, "sets": kept_sets(options.out)}
    for name in options.sets:
        if name != "sample" and not any((options.bench / name).glob(f"{file}*")):
            print(f"{name}: not in {options.bench}, left out", file=sys.stderr)
            continue
        results["sets"][name] = {**head, **run(name)}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


def kept_sets(out: Path) -> dict[str, Any]:
    """The sets that a result file has, each with the commit at which it was measured.

    A set that names none of its own was measured as the file's head says, by that version of the checker and on that machine.
    """
    if not out.is_file():
        return {}
    found = json.loads(out.read_text(encoding="utf-8"))
    head = {name: value for name, value in found.items() if name != "sets"}
    return {name: kept if "commit" in kept else {**head, **kept} for name, kept in found["sets"].items()}


def evaluated(name: str, options: argparse.Namespace, parts: Sequence[str]) -> dict[str, Any]:
    """The result of `rag eval` over a set of questions, without its rows; printed as a table."""
    is_sample = name == "sample"
    store, ingested = prepared_store(name, options.bench, options.stores, SAMPLE if is_sample else None)
    file = SAMPLE.with_name("sample-questions.jsonl") if is_sample else options.bench / name / "questions.jsonl"
    config = RagConfig(store=StoreConfig(path=store))
    questions, notes = usable(labelled_questions(file), config.answer.max_question_chars)
    if parts == ("retrieval",):
        questions = [question for question in questions if question.label["gold"]]
    questions = sampled(questions, options.limit or None)
    subject = open_subject(config, is_answering=parts != ("retrieval",))
    subject.retriever.search("warm up", 1)
    about = {"file": name, "gold": misplaced_gold(questions, subject.snapshot.states, subject.document_of)}
    result = question_result(list(examine(subject, questions, parts)), parts, about, notes)
    print()
    show_result(Console(highlight=False, soft_wrap=True), result)
    sys.stdout.flush()
    kept = {key: value for key, value in result.items() if key not in ("rows", "skipped")} | {"ingest_seconds": ingested}
    if parts == ("retrieval",):
        words = replace(subject, retriever=cast(Retriever, ParagraphBm25(subject.snapshot)))
        by_words = question_result(list(examine(words, questions, parts)), parts, about, notes)
        kept["bm25_over_paragraphs"] = by_words["figures"]
    return kept


def prepared_store(
    name: str, bench: Path, stores: Path, corpus: Path | None = None, model: str = RagConfig().embedder.model
) -> tuple[Path, float | None]:
    """The store of a set, made from `corpus` or the set's own, and the seconds that took, None where it was begun before."""
    store, complete = stores / name, stores / f"{name}.complete"  # one whose making was broken off is completed
    is_new = False
    try:
        Store.open(store, embedder=model)
        if complete.is_file():
            return store, None
    except StoreError:
        complete.unlink(missing_ok=True)
        shutil.rmtree(store, ignore_errors=True)
        is_new = True
    corpus = corpus or bench / name / "corpus"
    if not corpus.is_dir():
        unpacked = stores / "corpora" / name
        with tarfile.open(bench / name / "corpus.tar.gz") as archive:
            archive.extractall(unpacked, filter="data")
        corpus = unpacked / "corpus"
    store.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    command = [sys.executable, "-m", "ingest.cli", str(corpus), "--store", str(store), "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"RAG_EMBEDDER__MODEL": model})
    complete.touch()
    return store, round(time.monotonic() - started, 1) if is_new else None

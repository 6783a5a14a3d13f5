"""What an evaluation comes to, as one JSON object: figures, curves, and a row for every question or pair.

It is what `rag eval --json` prints, `--out` keeps and `rag eval compare` reads.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ingest.snapshot import Snapshot
from rag.batch import LabelledPair
from rag.calibration import Record, coverage_table
from rag.checker.check import Checker
from rag.config import RagConfig
from rag.evaluation.checking import KEPT, among_kept, calibration, pair_row, row_figures, sample_of
from rag.evaluation.rows import Row, digest, figures_of, named
from rag.pipeline import Engine
from rag.retriever import Retriever

FORMAT = 1
# Tables of the configuration that decide what is found and answered.
_TABLES = ("retriever", "embedder", "generator", "checker", "answer")
_LEAST_FOR_CURVES = 10  # a curve through fewer answers shows noise


def about(file: Path, limit: int | None, **more: Any) -> dict[str, Any]:
    """What a result says of itself: of which file, when, and by which version."""
    return {
        "file": file.name,
        "limit": limit,
        "version": version("grounded-rag"),
        "date": datetime.now(UTC).date().isoformat(),
        **more,
    }


def system_of(config: RagConfig, engine: Engine | None) -> dict[str, Any]:
    """Names of the parts that were measured, and the settings that decide most."""
    found = {"retriever": Retriever.name, "retriever_version": Retriever.version}
    if engine is None:
        return found | {"embedder": config.embedder.model}
    return found | {
        "generator": engine.generator.name,
        "embedder": engine.embedder_name,
        **checker_names(engine.checker),
        "policy": engine.policy,
        "top_k": engine.top_k,
        "min_confidence": engine.min_confidence,
    }


def settings_of(config: RagConfig, tables: Sequence[str] = _TABLES) -> dict[str, Any]:
    """The settings that what was measured depends on, by table; of an address neither name nor password."""
    found = config.model_dump(mode="json", include=set(tables))
    for table in found.values():
        table.pop("api_key_env", None)
        if "base_url" in table:
            table["base_url"] = re.sub(r"//[^/@]*@", "//", table["base_url"])
    return {table: found[table] for table in tables}


def store_of(snapshot: Snapshot) -> dict[str, Any]:
    """What tells one store from another: how it was made, and what is in it.

    `content` changes whenever a document or its chunks do; it is the same for two stores of the same files made alike.
    """
    made, states = snapshot.manifest, snapshot.states.values()
    return {
        "schema_version": made.schema_version,
        "embedder": made.embedder,
        "chunker": dict(made.chunker),
        "loaders_version": max((state.loaders_version for state in states), default=0),
        "n_documents": len(states),
        "n_chunks": sum(state.n_chunks for state in states),
        "content": digest(sorted((state.name, state.sha256, state.edition) for state in states)),
    }


def checker_names(checker: Checker) -> dict[str, Any]:
    """Name, version and threshold of the checker."""
    return {"checker": checker.name, "checker_version": checker.version, "threshold": round(checker.threshold, 6)}


def examine_pairs(pairs: Sequence[LabelledPair], check: Callable[[LabelledPair], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give the row of each pair; `check` makes the output object of `rag check`.

    Raises: CheckerError.
    """
    for name, pair in zip(named(pair.job.identity for pair in pairs), pairs, strict=True):
        label, output = pair.label, check(pair)
        yield {
            "id": name,
            "question": pair.job.question,
            "digest": digest(pair.job.question, pair.job.answer, pair.job.sources, label["label"], label["spans"]),
            **pair_row(label, output),
            "claims": [{name: claim[name] for name in _CLAIM} for claim in output["claims"]],
            "gold_spans": [[span["start"], span["end"]] for span in label["spans"]],
        }


_CLAIM = ("start", "end", "verdict", "score", "citations", "unsupported_spans")


def question_result(
    rows: Sequence[Row], parts: Sequence[str], about: Mapping[str, Any], notes: Sequence[str]
) -> dict[str, Any]:
    """The result over labelled questions."""
    answerable = [row["answerable"] for row in rows]
    figures = figures_of(rows, parts)
    if False not in answerable:  # then silence can only be wrong, and its precision says nothing
        figures = [figure for figure in figures if figure["metric"] != "abstention precision"]
    return {
        "kind": "questions",
        **head(about, rows, notes),
        "n_answerable": answerable.count(True),
        "n_unanswerable": answerable.count(False),
        "n_ungraded": sum("answer" in row and row["outcome"] is None for row in rows),
        "n_failed": sum("error" in row for row in rows),
        "figures": figures,
        **_answer_curves(rows),
        "ms": _times(rows),
        "rows": list(rows),
    }


def pair_result(rows: Sequence[Row], about: Mapping[str, Any], notes: Sequence[str]) -> dict[str, Any]:
    """The result over labelled pairs."""
    sample = sample_of(rows)
    return {
        "kind": "pairs",
        **head(about, rows, notes),
        "n_unsupported": int(sample.gold.sum()),
        "figures": [{"part": "checking", **figure} for figure in row_figures(rows)],
        "risk_coverage": [{"coverage": p / 100, "risk": round(among_kept(sample, p) / 100, 4)} for p in reversed(KEPT)],
        "reliability": calibration(sample.score, ~sample.gold),
        "rows": list(rows),
    }


def head(about: Mapping[str, Any], rows: Sequence[Row], notes: Sequence[str]) -> dict[str, Any]:
    """What every result begins with."""
    n_clusters = len({row["cluster"] for row in rows})
    return {
        "format": FORMAT,
        **about,
        "n": len(rows),
        "n_clusters": n_clusters,
        "n_skipped": len(notes),
        "skipped": list(notes),
    }


def _answer_curves(rows: Iterable[Row]) -> dict[str, Any]:
    """Risk by coverage, and how far the confidence is from being right, both with nothing held back."""
    graded = [row for row in rows if row.get("always") is not None and row["answerable"] is not None]
    records = [Record(r["confidence"], r["always"], r["answerable"], r["cluster"], r["outcome"]) for r in graded]
    answered = [record for record in records if record.outcome != "abstained"]
    if len(answered) < _LEAST_FOR_CURVES:
        return {"risk_coverage": [], "reliability": None}
    points = [asdict(point) for point in coverage_table(records)]
    confidence = np.array([record.confidence for record in answered])
    right = np.array([record.outcome == "right" for record in answered])
    return {
        "risk_coverage": [{"risk": round(p.pop("wrong_of_answers"), 4), **_rounded(p)} for p in points],
        "reliability": calibration(confidence, right),
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}


def _times(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile of the milliseconds that a search and an answer took."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row["ms"].items():
            found.setdefault(name, []).append(value)
    return {name: {f"p{q}": round(float(np.percentile(values, q)), 1) for q in (50, 95)} for name, values in found.items()}

"""What the cross-encoder learns from: rows of token ids with their targets, made from sets whose terms allow training.

Claims come from ragtruth_train, factcg and foolmetwice (people's or published labels), from sentences of the question sets
changed by rule (`corruption`), and from questions with their own or another question's answer. Questions and passages come from
squad2, squad_es, xquad and clapnq, searches by claims from scifact. The documents of `held_out`, and a tenth of the sources of
ragtruth_train, are left out to measure with. `python -m rag.crossencoder.training.examples --bench DIR --out FILE` writes the
rows.
"""

import argparse
import gzip
import hashlib
import json
import pickle
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from rag.checker.check import Checker, claim_items
from rag.checker.support import LogisticSupport
from rag.citations import parse_answer
from rag.crossencoder.training.claim_input import claim_input
from rag.crossencoder.training.near_misses import asked_of_set, asked_of_written, near_miss_rows
from rag.crossencoder.training.network import SUPPORT_CLASSES
from rag.crossencoder.training.questions import QUESTION_SETS, claim_rows, question_rows, rewritten_rows, statement_rows
from rag.crossencoder.training.rows import SEED, Row, tags_of
from rag.crossencoder.training.written import written_rows

_MIN_TOUCHED_CHARS = 3
_N_RAGTRUTH = {"QA": (4500, 8000), "Summary": (4500, 8000), "Data2txt": (7000, 7000)}  # unsupported, supported claims
_UNRELATED = 0.04  # share of the claims that are also read beside the sources of another answer
_N_MULTI_HOP = 500


def main() -> None:
    """Make all rows and write them, shuffled."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rewritten", type=int, metavar="N", help="only sentences changed by rule, up to N of a passage")
    parser.add_argument("--statements", action="store_true", help="only questions with answers said as statements")
    parser.add_argument("--written", type=Path, metavar="DIR", help="only what was written for this project, from that folder")
    parser.add_argument("--claims", action="store_true", help="only claims as searches")
    parser.add_argument("--near-misses", type=Path, metavar="DIR", help="only questions nearly answered; DIR as for --written")
    options = parser.parse_args()
    if options.near_misses:
        rows = all_near_misses(options.bench, options.near_misses)
    elif options.claims:
        rows = list(claim_rows(options.bench))
        random.Random(SEED).shuffle(rows)
    elif options.written:
        rows = list(written_rows(options.written))
        random.Random(SEED).shuffle(rows)
    elif options.statements:
        rows = [row for name in QUESTION_SETS for row in statement_rows(options.bench, name)]
        random.Random(SEED).shuffle(rows)
    elif options.rewritten:
        rows = [row for name in QUESTION_SETS for row in rewritten_rows(options.bench, name, options.rewritten)]
    else:
        rows = all_rows(options.bench, options.workers)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("wb") as file:
        pickle.dump(rows, file)
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.source] = counts.get(row.source, 0) + 1
    print(json.dumps({"rows": len(rows), "tokens": sum(len(row.ids) for row in rows), "by_source": counts}, indent=1))


def all_rows(bench: Path, workers: int = 1) -> list[Row]:
    """Every row, in an order that depends on the seed alone."""
    jobs: list[tuple[str, Any]] = [("questions", (bench, name)) for name in QUESTION_SETS]
    chosen = _sampled_answers(read_pairs(bench / "ragtruth_train" / "pairs.jsonl.gz"))
    jobs += [("answers", chosen[i::12]) for i in range(12)]
    jobs += [("claims", ("factcg", _sampled_factcg(read_pairs(_pairs_file(bench / "factcg")))))]
    jobs += [("claims", ("foolmetwice", read_pairs(_pairs_file(bench / "foolmetwice"))))]
    with ProcessPoolExecutor(workers) as pool:
        parts = list(pool.map(_work, jobs))
    rows = _balanced([row for part in parts for row in part])
    random.Random(SEED).shuffle(rows)
    return rows


def all_near_misses(bench: Path, written: Path) -> list[Row]:
    """Questions that a passage nearly answers, of the question sets and of what was written for this project, shuffled."""
    parts = [(name, list(asked_of_set(bench, name))) for name in QUESTION_SETS]
    parts.append(("written", list(asked_of_written(written))))
    rows = [row for name, asked in parts for row in near_miss_rows(asked, name)]
    random.Random(SEED).shuffle(rows)
    return rows


def read_pairs(path: Path) -> list[dict[str, Any]]:
    """Lines of a file of pairs, packed or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def kept_sources(pairs: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The tenth of the source texts that is not trained on, by digest."""
    names = sorted({source_digest(item) for item in pairs})
    random.Random(SEED).shuffle(names)
    return frozenset(names[: len(names) // 10])


def source_digest(item: Mapping[str, Any]) -> str:
    """Names the source text of a pair."""
    return hashlib.sha256(item["sources"][0]["text"].encode()).hexdigest()


def _pairs_file(folder: Path) -> Path:
    return next(path for path in (folder / "pairs.jsonl", folder / "pairs.jsonl.gz") if path.is_file())


def _sampled_answers(pairs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = kept_sources(pairs)
    found = [item for item in pairs if source_digest(item) not in kept]
    random.Random(SEED).shuffle(found)
    return found


def _sampled_factcg(pairs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    single = [item for item in pairs if item["task"] == "document"]
    multi = [item for item in pairs if item["task"] != "document"]
    return single + random.Random(SEED).sample(multi, min(_N_MULTI_HOP, len(multi)))


def _balanced(rows: list[Row]) -> list[Row]:
    """Take of the claims of ragtruth_train as many as `_N_RAGTRUTH` says; all else stays."""
    rng = random.Random(SEED)
    rng.shuffle(rows)
    taken: dict[tuple[str, bool], int] = {}
    found = []
    for row in rows:
        task = row.source.removeprefix("ragtruth ")
        if task in _N_RAGTRUTH:
            is_right = row.support == 0
            key = (task, is_right)
            taken[key] = taken.get(key, 0) + 1
            if taken[key] > _N_RAGTRUTH[task][is_right]:
                continue
        found.append(row)
    return found


def _work(job: tuple[str, Any]) -> list[Row]:
    kind, given = job
    if kind == "questions":
        return list(question_rows(*given))
    if kind == "answers":
        return list(_answer_rows(given))
    return list(_claim_rows(*given))


def _answer_rows(pairs: Sequence[dict[str, Any]]) -> Iterator[Row]:
    checker = Checker(model=LogisticSupport())
    rng = random.Random(f"{SEED} {pairs[0]['id']}" if pairs else SEED)
    for item in pairs:
        sources = [(source["id"], source["text"]) for source in item["sources"]]
        claims = parse_answer(item["answer"], [name for name, _ in sources])
        # An answer is checked with its question (`rag check`) or without (`rag ask`).
        question = item.get("question") if rng.random() < 0.5 else None
        for claim, (text, texts, context) in zip(claims, claim_items(claims, sources, question), strict=True):
            touching = [
                s for s in item["spans"] if min(s["end"], claim.end) - max(s["start"], claim.start) >= _MIN_TOUCHED_CHARS
            ]
            inner = [(max(s["start"] - claim.start, 0), s["end"] - claim.start) for s in touching]
            kind = 0 if not touching else 1 if any("Conflict" in s["type"] for s in touching) else 2
            found, at = claim_input(checker, text, texts, context)
            tags = tags_of(found, at, inner, is_known=True)
            yield Row(found.ids, len(found.first), f"ragtruth {item['task']}", kind, tags)
            if rng.random() < _UNRELATED:
                other = rng.choice(pairs)
                if source_digest(other) != source_digest(item):
                    found, at = claim_input(checker, text, [source["text"] for source in other["sources"]], context)
                    yield Row(found.ids, len(found.first), "ragtruth unrelated", 2)


def _claim_rows(name: str, pairs: Sequence[dict[str, Any]]) -> Iterator[Row]:
    checker = Checker(model=LogisticSupport())
    for item in pairs:
        is_right = item["label"] == "supported"
        wrong = 1 if name == "foolmetwice" else 2
        found, at = claim_input(checker, item["answer"], [source["text"] for source in item["sources"]], "")
        yield Row(found.ids, len(found.first), name, 0 if is_right else wrong, tags_of(found, at, (), is_known=is_right))


assert SUPPORT_CLASSES[0] == "supported"  # the rows above number the classes

if __name__ == "__main__":
    main()

"""What the cross-encoder learns from: rows of token ids with their targets, made from sets whose terms allow training.

Claims come from ragtruth_train, factcg and foolmetwice (people's or published labels), from sentences of the question sets
changed by rule (`corruption`), and from questions with their own or another question's answer. Questions and passages come from
squad2, squad_es, xquad and clapnq. The documents of `held_out`, and a tenth of the sources of ragtruth_train, are left out to
measure with. `python -m rag.crossencoder.training.examples --bench DIR --out FILE` writes the rows.
"""

import argparse
import gzip
import hashlib
import json
import pickle
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.documents import Chunk
from ingest.embedder import SentenceTransformerEmbedder
from ingest.sentences import sentence_spans
from rag.checker.check import Checker, claim_items
from rag.checker.entailment import claim_pair
from rag.checker.evidence import Evidence
from rag.checker.support import Alignment, LogisticSupport
from rag.citations import parse_answer
from rag.crossencoder.inputs import Pair, Span, pair, passage_pair
from rag.crossencoder.training.corruption import corrupt, lighten
from rag.crossencoder.training.held_out import is_held_out, topic
from rag.crossencoder.training.network import SUPPORT_CLASSES
from rag.generators.fit_quote import MemoryIndex, load_set

SEED = 20
QUESTION_SETS = ("squad2", "squad_es", "xquad_en", "xquad_es", "xquad_de", "clapnq")
IGNORED = -100
_MIN_TOUCHED_CHARS = 3
_N_RAGTRUTH = {"QA": (3200, 4200), "Summary": (3200, 3600), "Data2txt": (2400, 1200)}  # unsupported, supported claims
_N_MULTI_HOP = 500
_N_REWRITTEN = {"squad2": 1400, "squad_es": 1400, "xquad_en": 300, "xquad_es": 500, "xquad_de": 200, "clapnq": 400}
_N_QUESTIONS = {"squad_es": 2600}
_HARD_NEGATIVES = 0.6  # share of the questions that also see a passage that does not belong to them
_PER_PASSAGE = 2


@dataclass(frozen=True)
class Row:
    """One input and what is to be learnt from it; a head without a target is not trained by this row."""

    ids: tuple[int, ...]
    n_first: int
    source: str
    support: int = IGNORED
    tags: tuple[int, ...] = ()  # for each token of the first text: 1 unsupported, 0 supported, IGNORED unknown
    answers: int = IGNORED
    span: Span = field(default=(IGNORED, IGNORED))  # positions of the first and the last token; (0, 0) for no answer


def main() -> None:
    """Make all rows and write them, shuffled."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rewritten", type=int, metavar="N", help="only sentences changed by rule, up to N of a passage")
    options = parser.parse_args()
    if options.rewritten:
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
    # Unsupported answers hold both kinds of sentences; of the others a part is enough.
    wrong = [item for item in found if item["label"] == "unsupported"]
    right = [item for item in found if item["label"] == "supported"]
    return wrong + right[: len(right) // 4]


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
        return list(_question_rows(*given))
    if kind == "answers":
        return list(_answer_rows(given))
    return list(_claim_rows(*given))


def _claim_pair(checker: Checker, claim: str, texts: Sequence[str], context: str) -> tuple[Pair, int]:
    """The input for a claim as the checker would make it."""
    evidence = Evidence([checker.source(text) for text in texts if text.strip()])
    return claim_pair(Alignment(claim, evidence, context), context)


def _tags(found: Pair, at: int, wrong: Sequence[Span], is_known: bool) -> tuple[int, ...]:
    """Targets of the tag head: `wrong` are ranges of the claim, which starts at `at` of the first text."""
    return tuple(
        IGNORED if not is_known or start < at else int(any(start - at < e and s < end - at for s, e in wrong))
        for start, end in found.first
    )


def _answer_rows(pairs: Sequence[dict[str, Any]]) -> Iterator[Row]:
    checker = Checker(model=LogisticSupport())
    for item in pairs:
        sources = [(source["id"], source["text"]) for source in item["sources"]]
        claims = parse_answer(item["answer"], [name for name, _ in sources])
        for claim, (text, texts, _) in zip(claims, claim_items(claims, sources), strict=True):
            touching = [
                s for s in item["spans"] if min(s["end"], claim.end) - max(s["start"], claim.start) >= _MIN_TOUCHED_CHARS
            ]
            inner = [(max(s["start"] - claim.start, 0), s["end"] - claim.start) for s in touching]
            kind = 0 if not touching else 1 if any("Conflict" in s["type"] for s in touching) else 2
            found, at = _claim_pair(checker, text, texts, claim.context)
            tags = _tags(found, at, inner, is_known=True)
            yield Row(found.ids, len(found.first), f"ragtruth {item['task']}", kind, tags)


def _claim_rows(name: str, pairs: Sequence[dict[str, Any]]) -> Iterator[Row]:
    checker = Checker(model=LogisticSupport())
    for item in pairs:
        is_right = item["label"] == "supported"
        wrong = 1 if name == "foolmetwice" else 2
        found, at = _claim_pair(checker, item["answer"], [source["text"] for source in item["sources"]], "")
        yield Row(found.ids, len(found.first), name, 0 if is_right else wrong, _tags(found, at, (), is_known=is_right))


def _question_rows(bench: Path, name: str) -> Iterator[Row]:
    embedder = SentenceTransformerEmbedder()
    chunks, questions = load_set(bench / name, embedder)
    questions = [question for question in questions if not is_held_out(name, topic(question))]
    chunks = [chunk for chunk in chunks if not is_held_out(name, chunk.document)]
    rng = random.Random(f"{SEED} {name}")
    rng.shuffle(questions)
    # Words alone find the passages to tell apart: an index that claims no language has no vectors.
    index = MemoryIndex(chunks, embedder, "none")
    wanted = questions[: _N_QUESTIONS.get(name, len(questions))]
    for question in wanted:
        yield from _reading_rows(index, question, name, rng)
    yield from _statement_rows(index.chunks, wanted, name, rng)
    yield from _rewritten_rows(chunks, name, rng, _PER_PASSAGE, _N_REWRITTEN[name])


def _home(chunks: Sequence[Chunk], question: Mapping[str, Any]) -> Chunk | None:
    """The chunk that holds the answer, or for a question without one the chunk that it was asked about."""
    place = (question["gold"] or [question.get("about")])[0]
    if not place or place["start"] is None:
        return None

    def shared(chunk: Chunk) -> int:
        return min(chunk.end, place["end"]) - max(chunk.start, place["start"]) if chunk.document == place["document"] else 0

    best = max(chunks, key=shared)
    return best if shared(best) > 0 else None


def _reading_rows(index: MemoryIndex, question: Mapping[str, Any], name: str, rng: random.Random) -> Iterator[Row]:
    home = _home(index.chunks, question)
    if home is None or (question["answerable"] and not question["gold"]):
        return
    text = question["question"]
    if question["answerable"]:
        gold = question["gold"][0]
        start, end = gold["start"] - home.start, gold["end"] - home.start
        if start < 0 or end > len(home.text):
            return
        found, at = passage_pair(text, home.context, home.text)
        low, high = found.second_tokens(at + start, at + end)
        if high > low and found.second[-1][1] >= at + end:
            yield Row(found.ids, len(found.first), name, answers=1, span=(low, high - 1))
        else:  # the answer lies past what fits: read from the sentence that holds it
            first = next((a for a, b in sentence_spans(home.text) if a <= start < b), 0)
            found, at = passage_pair(text, home.context, home.text[first:])
            low, high = found.second_tokens(at + start - first, at + end - first)
            if high > low:
                yield Row(found.ids, len(found.first), name, answers=1, span=(low, high - 1))
    else:
        found, _ = passage_pair(text, home.context, home.text)
        yield Row(found.ids, len(found.first), name, answers=0, span=(0, 0))
    if rng.random() < _HARD_NEGATIVES:
        others = [p for p in index.search(text, question["lang"], 4) if p.chunk != home.id and not _holds(p, question)]
        if others:
            other = next(chunk for chunk in index.chunks if chunk.id == others[0].chunk)
            found, _ = passage_pair(text, other.context, other.text)
            yield Row(found.ids, len(found.first), name, answers=0, span=(0, 0))


def _holds(passage: Any, question: Mapping[str, Any]) -> bool:
    return any(answer.casefold() in passage.text.casefold() for answer in question["answers"])


def _statement_rows(
    chunks: Sequence[Chunk], questions: Sequence[Mapping[str, Any]], name: str, rng: random.Random
) -> Iterator[Row]:
    """A question with an answer read as a claim: true with its own answer, false with that of another question near it."""
    if name == "clapnq":
        return
    by_place: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for question in questions:
        if question["answerable"] and question.get("about"):
            by_place.setdefault((question["about"]["document"], question["about"]["start"]), []).append(question)
    share = 0.45 if name in ("squad2", "squad_es") else 0.3
    for near in by_place.values():
        for question in near:
            home = _home(chunks, question)
            if home is None or rng.random() > share:
                continue
            own = question["answers"][0]
            others = [q["answers"][0] for q in near if _unlike(q["answers"][0], question["answers"])]
            alike = [other for other in others if _shape(other) == _shape(own)] or others
            answer = rng.choice(alike) if alike and rng.random() < 0.5 else own
            found = pair(f"{question['question']} {answer}.", home.text)
            at = len(question["question"]) + 1
            wrong = [(at, at + len(answer))] if answer != own else []
            yield Row(
                found.ids, len(found.first), f"{name} statement", 2 if wrong else 0, _tags(found, 0, wrong, is_known=True)
            )


def _unlike(answer: str, accepted: Sequence[str]) -> bool:
    return not any(answer.casefold() in other.casefold() or other.casefold() in answer.casefold() for other in accepted)


def _shape(answer: str) -> str:
    return "figure" if re.search(r"\d", answer) else "name" if answer[:1].isupper() else "phrase"


def rewritten_rows(bench: Path, name: str, per_passage: int) -> list[Row]:
    """More claims changed by rule, for the end of the training; other draws than in `all_rows`."""
    chunks, _ = load_set(bench / name, SentenceTransformerEmbedder())
    chunks = [chunk for chunk in chunks if not is_held_out(name, chunk.document)]
    return list(_rewritten_rows(chunks, name, random.Random(f"{SEED + 1} {name}"), per_passage, per_passage * len(chunks)))


def _rewritten_rows(chunks: Sequence[Chunk], name: str, rng: random.Random, per_passage: int, left: int) -> Iterator[Row]:
    """Sentences of the passages as claims: as they are or shortened (true), changed by rule or taken out (false)."""
    order = list(chunks)
    rng.shuffle(order)
    for chunk in order:
        spans = [(a, b) for a, b in sentence_spans(chunk.text) if 7 <= len(chunk.text[a:b].split()) <= 40]
        for start, end in rng.sample(spans, min(per_passage, len(spans))):
            if left <= 0:
                return
            sentence = " ".join(chunk.text[start:end].split())
            evidence = chunk.text
            draw = rng.random()
            wrong: tuple[Span, ...] = ()
            if draw < 0.4:
                claim, kind = lighten(sentence, rng), 0
            elif draw < 0.9:
                changed = corrupt(sentence, chunk.text, chunk.language, rng)
                if changed is None:
                    continue
                claim, wrong, kind = changed.text, ((changed.start, changed.end),), 1
            else:
                claim, wrong, kind = sentence, ((0, len(sentence)),), 2
                evidence = chunk.text[:start] + chunk.text[end:]
                if len(evidence.split()) < 20:
                    continue
            found = pair(claim, _around(evidence, start))
            left -= 1
            yield Row(found.ids, len(found.first), f"{name} rewritten", kind, _tags(found, 0, wrong, is_known=True))


def _around(text: str, start: int, reach: int = 450) -> str:
    """The sentences near a place, as a reading model would get them."""
    return " ".join(text[a:b] for a, b in sentence_spans(text) if b > start - reach and a < start + reach)


assert SUPPORT_CLASSES[0] == "supported"  # the rows above number the classes

if __name__ == "__main__":
    main()

"""Rows from the question sets: questions with passages, questions with answers as statements, sentences changed by rule."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.documents import Chunk
from ingest.embedder import SentenceTransformerEmbedder
from ingest.sentences import sentence_spans
from rag.crossencoder.inputs import Span, pair, passage_pair
from rag.crossencoder.training.corruption import corrupt, lighten
from rag.crossencoder.training.held_out import is_held_out, topic
from rag.crossencoder.training.rows import SEED, Row, tags_of
from rag.crossencoder.training.statements import statement
from rag.generators.fit_quote import MemoryIndex
from rag.generators.question_sets import load_set

QUESTION_SETS = ("squad2", "squad_es", "xquad_en", "xquad_es", "xquad_de", "clapnq")
_N_REWRITTEN = {"squad2": 1400, "squad_es": 1400, "xquad_en": 300, "xquad_es": 500, "xquad_de": 200, "clapnq": 400}
_N_QUESTIONS = {"squad_es": 2600}
_HARD_NEGATIVES = 0.6  # share of the questions that also see a passage that does not belong to them
_PER_PASSAGE = 2
_N_FOUND = 4  # passages beside those that belong to a claim


def question_rows(bench: Path, name: str) -> Iterator[Row]:
    """All rows of a question set but those of `statement_rows` and the further ones of `rewritten_rows`."""
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


def claim_rows(bench: Path) -> Iterator[Row]:
    """Claims of scifact as searches: what belongs to one is moved up, what a search finds beside it is not.

    Of each cited abstract the passage that fits best; a claim may be refuted by it, so that nothing is said of support.
    """
    chunks, questions = load_set(bench / "scifact", SentenceTransformerEmbedder())
    index = MemoryIndex(chunks, SentenceTransformerEmbedder(), "none")  # by words alone, see above
    for question in questions:
        if is_held_out("scifact", question["id"]):
            continue
        gold = {item["document"] for item in question["gold"]}
        cited = [index.search(question["question"], "en", 1, frozenset({name})) for name in sorted(gold)]
        found = index.search(question["question"], "en", _N_FOUND + len(gold))
        others = [passage for passage in found if passage.document not in gold][:_N_FOUND]
        for passage in [*(best[0] for best in cited if best), *others]:
            read, _ = passage_pair(question["question"], passage.context, passage.text)
            yield Row(read.ids, len(read.first), "scifact", answers=int(passage.document in gold))


def home_of(chunks: Sequence[Chunk], question: Mapping[str, Any]) -> Chunk | None:
    """The chunk that holds the answer, or for a question without one the chunk that it was asked about."""
    place = (question["gold"] or [question.get("about")])[0]
    if not place or place["start"] is None:
        return None

    def shared(chunk: Chunk) -> int:
        return min(chunk.end, place["end"]) - max(chunk.start, place["start"]) if chunk.document == place["document"] else 0

    best = max(chunks, key=shared)
    return best if shared(best) > 0 else None


def _reading_rows(index: MemoryIndex, question: Mapping[str, Any], name: str, rng: random.Random) -> Iterator[Row]:
    home = home_of(index.chunks, question)
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
            home = home_of(chunks, question)
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
                found.ids, len(found.first), f"{name} statement", 2 if wrong else 0, tags_of(found, 0, wrong, is_known=True)
            )


def _unlike(answer: str, accepted: Sequence[str]) -> bool:
    return not any(answer.casefold() in other.casefold() or other.casefold() in answer.casefold() for other in accepted)


def _shape(answer: str) -> str:
    return "figure" if re.search(r"\d", answer) else "name" if answer[:1].isupper() else "phrase"


def statement_rows(bench: Path, name: str) -> Iterator[Row]:
    """Every question with an answer, said as a statement about the passage it was asked about.

    Supported with its own answer. Not with that of another question about the same passage, nor where the question has no
    answer there: then it gets that of the question that is most like it, so that nearly every word stands in the passage.
    """
    chunks, questions = load_set(bench / name, SentenceTransformerEmbedder())
    chunks = [chunk for chunk in chunks if not is_held_out(name, chunk.document)]
    rng = random.Random(f"{SEED + 2} {name}")
    by_place: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for question in questions:
        about = question.get("about")
        if about and not is_held_out(name, topic(question)):
            by_place.setdefault((about["document"], about["start"]), []).append(question)
    for near in by_place.values():
        for asked in near:
            home = home_of(chunks, asked)
            if home is not None:
                for answer in _answers_to_try(asked, near, rng):
                    yield _statement_row(asked, answer, home, name, rng)


def _answers_to_try(question: Mapping[str, Any], near: Sequence[Mapping[str, Any]], rng: random.Random) -> list[str]:
    """Answers to make statements with; all but the question's own are wrong."""
    others = [other for other in near if other["answerable"] and _unlike(other["answers"][0], question["answers"])]
    if not question["answerable"]:
        twin = max(others, key=lambda other: _overlap(other["question"], question["question"]), default=None)
        return [twin["answers"][0]] if twin else []
    own = question["answers"][0]
    alike = [other["answers"][0] for other in others if _shape(other["answers"][0]) == _shape(own)]
    return [own, rng.choice(alike)] if alike else [own]


def _statement_row(question: Mapping[str, Any], answer: str, home: Chunk, name: str, rng: random.Random) -> Row:
    said = statement(question["question"], answer, question["lang"], rng)
    gold = question["gold"][0]["start"] if question["gold"] else home.start
    found = pair(said.text, home.text if len(home.text) < 900 else _around(home.text, max(gold - home.start, 0)))
    is_right = answer in question["answers"]
    wrong = [] if is_right else [(said.start, said.end)]
    tags = tags_of(found, 0, wrong, is_known=is_right or question["answerable"])
    return Row(found.ids, len(found.first), f"{name} said", 0 if is_right else 2, tags)


def _overlap(one: str, other: str) -> float:
    first, second = set(one.casefold().split()), set(other.casefold().split())
    return len(first & second) / len(first | second)


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
            yield Row(found.ids, len(found.first), f"{name} rewritten", kind, tags_of(found, 0, wrong, is_known=True))


def _around(text: str, start: int, reach: int = 450) -> str:
    """The sentences near a place, as a reading model would get them."""
    return " ".join(text[a:b] for a, b in sentence_spans(text) if b > start - reach and a < start + reach)

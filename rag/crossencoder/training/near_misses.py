"""Questions that a passage nearly answers, made by rule from those that it does answer.

Two ways: the sentence that holds the answer is taken out of the passage, or the question is changed in one place (a name or
figure of the passage in place of its own, a negation, an opposite). Beside each stands the same question with its passage less
another sentence, so that a gap alone says nothing. Not every changed question is one that the passage leaves open.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.embedder import SentenceTransformerEmbedder
from ingest.sentences import sentence_spans
from rag.crossencoder.inputs import Span, passage_pair
from rag.crossencoder.training.corruption import corrupt
from rag.crossencoder.training.held_out import is_held_out, topic
from rag.crossencoder.training.questions import home_of
from rag.crossencoder.training.rows import SEED, Row
from rag.crossencoder.training.written import read_items
from rag.generators.question_sets import load_set

_MIN_WORDS = 35  # that a passage keeps
_CHANGED = 0.6  # share of the questions that are also changed


@dataclass(frozen=True)
class Asked:
    """A question with its passage, the title above it, and where in the passage the answer stands."""

    question: str
    language: str
    context: str
    passage: str
    answer: Span


def asked_of_set(bench: Path, name: str) -> Iterator[Asked]:
    """The answered questions of a set whose documents are trained on."""
    chunks, questions = load_set(bench / name, SentenceTransformerEmbedder())
    for question in questions:
        if not question["gold"] or is_held_out(name, topic(question)):
            continue
        home, gold = home_of(chunks, question), question["gold"][0]
        if home is not None and home.start <= gold["start"] and gold["end"] <= home.end:
            answer = gold["start"] - home.start, gold["end"] - home.start
            yield Asked(question["question"], question["lang"], home.context, home.text, answer)


def asked_of_written(folder: Path) -> Iterator[Asked]:
    """The answered questions written for this project, of the part that is trained on."""
    for path in sorted(folder.glob("*.txt")):
        for item in read_items(path):
            for question, answer in [] if item.is_held_out else item.questions:
                start = item.passage.find(answer) if answer else -1
                if answer and start >= 0:
                    yield Asked(question, item.language, "", item.passage, (start, start + len(answer)))


def near_miss_rows(asked: Sequence[Asked], source: str) -> Iterator[Row]:
    """Rows of all questions; what cannot be changed or cut is left out."""
    rng = random.Random(f"{SEED} near {source}")
    for one in asked:
        yield from _without_a_sentence(one, source, rng)
        changed = corrupt(one.question, one.passage, one.language, rng) if rng.random() < _CHANGED else None
        if changed is not None:
            yield _row(changed.text, one, one.passage, None, source)


def _without_a_sentence(one: Asked, source: str, rng: random.Random) -> Iterator[Row]:
    """The question with its passage less the answer's sentence, and less another one."""
    passage, (start, end) = one.passage, one.answer
    said = passage[start:end].casefold()
    spans = sentence_spans(passage)
    holding = [span for span in spans if said in passage[slice(*span)].casefold() or (span[0] < end and start < span[1])]
    others = [span for span in spans if span not in holding]
    left = _cut(passage, holding)
    if said in left.casefold() or len(left.split()) < _MIN_WORDS:
        return
    yield _row(one.question, one, left, None, source)
    if others:
        low, high = rng.choice(others)
        moved = start - (high - low if high <= start else 0)
        kept = _cut(passage, [(low, high)])
        if kept[moved : moved + end - start].casefold() == said:
            row = _row(one.question, one, kept, (moved, moved + end - start), source)
            if row.answers:  # not where the answer lies beyond what is read
                yield row


def _cut(text: str, spans: Sequence[Span]) -> str:
    for start, end in reversed(spans):
        text = text[:start] + text[end:]
    return text


def _row(question: str, one: Asked, passage: str, answer: Span | None, source: str) -> Row:
    found, at = passage_pair(question, one.context, passage)
    span, answers = (0, 0), 0
    if answer is not None:
        low, high = found.second_tokens(at + answer[0], at + answer[1])
        if high > low:
            span, answers = (low, high - 1), 1
    return Row(found.ids, len(found.first), f"{source} near", answers=answers, span=span)

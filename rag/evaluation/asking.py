"""Search and answer labelled questions, and say what each adds to the figures of retrieval, answers, abstention and citations.

It asks every question once and decides twice: as configured, for the figures, and with nothing held back, for the curve of risk
and coverage. It knows no table and no page.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from ingest.analysis import detect_language
from ingest.documents import Document
from ingest.snapshot import Snapshot
from ingest.store import Store
from rag.answers import Answer, Citation, Passage
from rag.batch import Job, Labelled
from rag.config import RagConfig
from rag.engine import build_engine, build_retriever
from rag.errors import GeneratorError, InputError, QuestionError
from rag.evaluation.answers import Outcome, document_of, grade, is_contained, is_exact, is_gradable, language_of, token_f1
from rag.evaluation.caching import remembering
from rag.evaluation.citations import citation_precision, citation_recall, n_verbatim
from rag.evaluation.retrieval import character_figures, chunk_precision, levels_of, pool_figures, question_figures
from rag.evaluation.rows import Values, digest, named
from rag.pipeline import Engine, consider, decide
from rag.questions import Options, checked_question, search_text
from rag.retriever import Retriever

_DEPTH = 50  # passages searched for: ten distinct documents may take that many
_RANKED = 10  # passages that count by page, span and character
MAX_FAILURES = 3  # in a row: then the generator is gone, and going on would only count its absence


@dataclass(frozen=True)
class Subject:
    """What is measured: the store as it is now, its retriever, and the engine where something is to be answered."""

    retriever: Retriever
    snapshot: Snapshot
    engine: Engine | None = None

    @cached_property
    def chunk_ranges(self) -> dict[str, list[tuple[int, int]]]:
        """Ranges of all chunks by document."""
        return self.snapshot.chunk_ranges()

    @cached_property
    def document_of(self) -> Callable[[str], Document | None]:
        """Gives a document by name, None where there is none; what was read once is kept."""
        return reader_of(self.snapshot)

    def text_of(self, name: str) -> str:
        """The text of a document, "" where there is none."""
        document = self.document_of(name)
        return "" if document is None else document.text


def reader_of(snapshot: Snapshot) -> Callable[[str], Document | None]:
    """Gives documents of a snapshot by name, None where there is none; what was read once is kept."""
    return cache(snapshot.document)


def open_subject(config: RagConfig, *, is_answering: bool = True) -> Subject:
    """Open the store that the configuration names, and make the engine over it if something is to be answered.

    Raises: StoreError, GeneratorError, CheckerError.
    """
    # The sentences of a small corpus are candidates for question after question, and embedding them takes most of the time.
    embedder = remembering(config.embedder.embedder())
    engine = build_engine(config, embedder) if is_answering else None
    retriever = build_retriever(config, embedder) if engine is None else engine.retriever
    return Subject(retriever, Store.open(Path(config.store.path)).snapshot(), engine)


def usable(items: Iterable[Labelled | InputError], max_chars: int) -> tuple[list[Labelled], list[str]]:
    """The questions that can be asked, and why others cannot."""
    kept: list[Labelled] = []
    notes: list[str] = []
    for item in items:
        try:
            if isinstance(item, InputError):
                raise item
            checked_question(item.job.question, max_chars)
            kept.append(item)
        except (InputError, QuestionError) as error:
            notes.append(
                f"{item.job.identity or item.job.question[:40]}: {error}" if isinstance(item, Labelled) else str(error)
            )
    return kept, notes


def examine(subject: Subject, questions: Sequence[Labelled], parts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Give the row of each question; one that the generator fails counts as answered wrongly.

    Raises: StoreError, CheckerError; GeneratorError when it fails at three questions in a row.
    """
    n_failed = 0
    for name, question in zip(named(question.job.identity for question in questions), questions, strict=True):
        job, label = question.job, question.label
        row: dict[str, Any] = {
            "id": name,
            "question": job.question,
            "turns": [list(turn) for turn in job.turns],
            "digest": digest(job.question, job.turns, label["answerable"], label["answers"], label["gold"]),
            "cluster": document_of({"id": name, **label}),
            "answerable": None if label.get("underspecified") else label["answerable"],
            "expected": label["answers"],
            "gold": label["gold"],
            "values": {},
            "ms": {},
        }
        if "retrieval" in parts:
            _search(subject, job, label, row)
        if subject.engine is not None and set(parts) - {"retrieval"}:
            try:
                _ask(subject, subject.engine, job, label, row)
                n_failed = 0
            except GeneratorError as error:
                n_failed += 1
                if n_failed == MAX_FAILURES:
                    raise
                _count_failure(label, row, error)
        yield row


def _search(subject: Subject, job: Job, label: Mapping[str, Any], row: dict[str, Any]) -> None:
    language = detect_language(job.question)
    started = time.perf_counter()
    found = subject.retriever.find(search_text(job.question, job.turns), _DEPTH, None, language)
    row["ms"]["search"] = round(1000 * (time.perf_counter() - started), 1)
    passages = [passage.to_json() for passage in found]
    row["passages"] = places(found[:_RANKED])
    row["values"]["retrieval"] = retrieval_values(subject, label, passages)


def retrieval_values(subject: Subject, label: Mapping[str, Any], passages: Sequence[Mapping[str, Any]]) -> Values:
    """What the passages found for one question add, at every level at which its gold is known."""
    found: dict[str, float] = {}
    for level in levels_of(label):
        ranked = passages if level == "document" else passages[:_RANKED]
        found |= {f"{level} {name}": value for name, value in question_figures(label, ranked, level).items()}
    if "span" in levels_of(label):
        found |= {f"chars {name}": value for name, value in character_figures(label, passages[:_RANKED]).items()}
        found["chars chunk precision"] = chunk_precision(label, subject.chunk_ranges)
    if label.get("candidates"):
        found |= {f"candidate pool {name}": value for name, value in pool_figures(label, passages).items()}
    return {name: (value, 1.0) for name, value in found.items()}


def _ask(subject: Subject, engine: Engine, job: Job, label: Mapping[str, Any], row: dict[str, Any]) -> None:
    started = time.perf_counter()
    considered = consider(engine, job.question, Options(job.turns, identity=job.identity))
    given, always = (decide(engine, considered, least) for least in (engine.min_confidence, 0.0))
    row["ms"]["answer"] = round(1000 * (time.perf_counter() - started), 1)
    row["answer"] = shown_answer(given)
    row["confidence"] = always.confidence
    row["outcome"] = outcome_of(label, given)
    row["always"] = outcome_of(label, always)
    row.setdefault("passages", places(given.passages))
    row["values"] |= answer_values(label, given)
    row["values"]["citations"] = citation_values(label, given, subject.text_of)


def _count_failure(label: Mapping[str, Any], row: dict[str, Any], error: GeneratorError) -> None:
    """No answer is a wrong one, not an abstention: whoever asked was not told that the documents do not say."""
    failed = Answer(row["question"], "")
    row |= {"error": str(error), "answer": shown_answer(failed), "confidence": 0.0}
    row |= {"outcome": outcome_of(label, failed), "always": outcome_of(label, failed)}
    row["values"] |= answer_values(label, failed)


def outcome_of(label: Mapping[str, Any], given: Answer) -> Outcome | None:
    """Right, wrong or abstained; None for an answer that nothing in the label can grade."""
    return "abstained" if given.abstained else grade(label, given) if is_gradable(label) else None


def answer_values(label: Mapping[str, Any], given: Answer) -> dict[str, Values]:
    """What one answer adds to the figures of answers and of abstention."""
    silent = float(given.abstained)
    if label.get("underspecified"):
        return {"abstention": {"underspecified: abstained": (silent, 1.0)}}
    answerable = label["answerable"]
    abstention: Values = {
        "abstention precision": (silent * (not answerable), silent),
        "abstention recall": (silent * (not answerable), float(not answerable)),
    }
    if not answerable:
        return {"abstention": abstention | {"unanswerable: wrongly answered": (1.0 - silent, 1.0)}}
    abstention["answerable: abstained"] = (silent, 1.0)
    answers: Values = {}
    if is_gradable(label):
        outcome = grade(label, given)
        answers = {name: (float(outcome == name), 1.0) for name in ("right", "wrong", "abstained")}
    if label["answers"]:
        answers |= _wording(label, given)
    return {"abstention": abstention, "answers": answers}


def _wording(label: Mapping[str, Any], given: Answer) -> Values:
    answers, language = label["answers"], language_of(label)
    text = "" if given.abstained else given.text
    said = {
        "answer contained": float(is_contained(answers, text, language)),
        "answer exact": float(is_exact(answers, text, language)),
        "answer F1": token_f1(answers, text, language) if text else 0.0,
    }
    answered = {} if given.abstained else {f"answered: {name}": value for name, value in said.items()}
    return {name: (value, 1.0) for name, value in {**said, **answered}.items()}


def citation_values(label: Mapping[str, Any], given: Answer, text_of: Callable[[str], str]) -> Values:
    """What the citations of one answer add; of an abstention nothing."""
    if given.abstained:
        return {}
    citations = citations_of(given)
    found: Values = {"answered with a citation": (float(bool(citations)), 1.0)}
    if label["answerable"] and label["gold"]:
        found["citation recall"] = (citation_recall(label, citations), 1.0)
        if citations:
            found["citation precision"] = (citation_precision(label, citations), 1.0)
    if citations:
        found["quote exact"] = (float(n_verbatim(citations, text_of)), float(len(citations)))
    return found


def citations_of(given: Answer) -> list[Citation]:
    """All citations of the claims that stand in an answer."""
    return [citation for claim in given.claims for citation in claim.citations]


def shown_answer(given: Answer) -> dict[str, Any]:
    """What is kept of an answer: its text and claims, without receipt and timings."""
    kept = given.to_json()
    return {name: kept[name] for name in ("text", "abstained", "reason", "claims", "withheld")}


def places(passages: Iterable[Passage]) -> list[dict[str, Any]]:
    """Where passages stand, without their text."""
    return [{name: value for name, value in passage.to_json().items() if name != "text"} for passage in passages]

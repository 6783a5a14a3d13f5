"""The main path of answering: question -> passages -> draft -> claims with citations -> verdicts -> answer.

What the user sees in `text` has passed the check. What failed is in `withheld`. When nothing of a generated draft is left the
product quotes instead, and when no quote answers it abstains. It knows no command line and no HTTP.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ingest.analysis import content_terms, detect_language
from rag.answers import Answer, Citation, Claim, Judgement, Passage
from rag.checker.check import Checker
from rag.citations import DraftClaim, parse_answer, strip_markers
from rag.confidence import answer_confidence
from rag.errors import QuestionError
from rag.generators import Draft, Generator, Quote, Request
from rag.generators.quote import QuoteGenerator
from rag.messages import message
from rag.receipts import make_receipt
from rag.retriever import Filters, Retriever

# A follow-up with fewer content words than this cannot be searched by itself ("And in Spain?").
_MIN_STANDALONE_TERMS = 3
_LEANING = frozenset(
    """it its they them their that this those these he she his her one ones there also and same former latter else
    eso esto ese esa esos esas este esta estos estas ello ellos ellas también y mismo misma él ella su sus lo la los las
    es das dies diese dieser sie ihr auch und ça cela ce cette ils elles leur aussi et""".split()
)


@dataclass(frozen=True)
class Engine:
    """Everything that answering needs, put together once. `quoter` answers when the generator's draft does not survive.

    `min_confidence`: confidence below which it abstains; None leaves that to the quoting generator's own threshold.
    """

    retriever: Retriever
    generator: Generator
    quoter: QuoteGenerator
    checker: Checker
    embedder_name: str
    top_k: int = 8
    max_question_chars: int = 4000
    min_confidence: float | None = None


@dataclass
class _Clock:
    """Milliseconds by stage."""

    started: float = field(default_factory=time.perf_counter)
    stages: dict[str, float] = field(default_factory=dict)

    def lap(self, stage: str, since: float) -> None:
        self.stages[stage] = self.stages.get(stage, 0.0) + (time.perf_counter() - since) * 1000

    def total(self) -> dict[str, float]:
        return {**self.stages, "total": (time.perf_counter() - self.started) * 1000}


@dataclass(frozen=True)
class Considered:
    """All of an answer but the decision to give it. `kept`: claims that the check supports, not yet placed in a text.

    `is_doubtful`: they are quotes that stay below the quoting generator's own threshold.
    """

    base: Answer
    kept: tuple[Claim, ...]
    is_doubtful: bool
    clock: _Clock


def answer(
    engine: Engine,
    question: str,
    *,
    turns: Sequence[tuple[str, str]] = (),
    filters: Filters | None = None,
    top_k: int | None = None,
    identity: str | None = None,
) -> Answer:
    """Answer one question from the store.

    `turns`: earlier turns of the conversation, (role, text). Raises: QuestionError, GeneratorError, StoreError.
    """
    considered = consider(engine, question, turns=turns, filters=filters, top_k=top_k, identity=identity)
    return decide(engine, considered, engine.min_confidence)


def consider(
    engine: Engine,
    question: str,
    *,
    turns: Sequence[tuple[str, str]] = (),
    filters: Filters | None = None,
    top_k: int | None = None,
    identity: str | None = None,
) -> Considered:
    """Search, draft and check, but leave open whether that is good enough for an answer.

    Raises: QuestionError, GeneratorError, StoreError.
    """
    question = checked_question(question, engine.max_question_chars)
    clock = _Clock()
    language = detect_language(question)
    since = time.perf_counter()
    alone = standalone(question, turns, language)
    passages = engine.retriever.search(alone, top_k or engine.top_k, filters, language)
    clock.lap("retrieve", since)
    base = Answer(question, "", passages=tuple(passages), language=language, id=identity)
    if not passages:
        return Considered(base, (), False, clock)
    to_quote = Request(alone, passages, language)
    request = to_quote if _is_quoter(engine) else Request(question, passages, language, tuple(turns))
    since = time.perf_counter()
    draft = engine.generator.generate(request)
    clock.lap("generate", since)
    base = replace(base, draft=draft.text)
    kept, withheld, confidence = _checked(engine, draft, passages, clock)
    base = replace(base, withheld=tuple(withheld), confidence=confidence)
    if not kept and not _is_quoter(engine) and (withheld or not draft.declined):
        since = time.perf_counter()
        draft = engine.quoter.generate(to_quote)
        clock.lap("quote", since)
        kept, _, confidence = _checked(engine, draft, passages, clock)
        base = replace(base, reason="fallback_quotes", confidence=confidence)
    return Considered(base, tuple(kept), bool(draft.doubtful), clock)


def decide(engine: Engine, considered: Considered, min_confidence: float | None) -> Answer:
    """Give what was kept as the answer, or abstain; `min_confidence` None: as the quoting generator's own threshold says."""
    base, kept, clock = considered.base, considered.kept, considered.clock
    if not base.passages:
        return _abstain(engine, base, "nothing_retrieved", clock)
    if not kept or (min_confidence is None and considered.is_doubtful):
        return _abstain(engine, base, "no_evidence", clock)
    if min_confidence is not None and base.confidence < min_confidence:
        return _abstain(engine, base, "low_confidence", clock)
    text, claims = _joined(kept)
    return _finished(engine, replace(base, text=text, claims=claims), clock)


def checked_question(question: str, max_chars: int) -> str:
    """Return the question trimmed.

    Raises: QuestionError when it is empty or longer than `max_chars`.
    """
    question = question.strip()
    if not any(character.isalnum() for character in question):
        raise QuestionError("cannot answer an empty question: there is no word in it. Ask in words.")
    if len(question) > max_chars:
        raise QuestionError(
            f"cannot answer a question of {len(question):,} characters: the limit is {max_chars:,}. Shorten it, or raise "
            "answer.max_question_chars."
        )
    return question


def standalone(question: str, turns: Sequence[tuple[str, str]], language: str) -> str:
    """Return what to search for: a follow-up that leans on what was said before is joined with the user's last question."""
    asked = [text for role, text in turns if role == "user"]
    if not asked:
        return question
    words = [word.strip("¿?¡!.,;:()").lower() for word in question.split()]
    leans = any(word in _LEANING for word in words) or len(content_terms(question, language)) < _MIN_STANDALONE_TERMS
    return f"{asked[-1]} {question}" if leans else question


def _checked(
    engine: Engine, draft: Draft, passages: Sequence[Passage], clock: _Clock
) -> tuple[list[Claim], list[Claim], float]:
    """Claims of a draft that the check supports, those that it does not, and the confidence in the former."""
    since = time.perf_counter()
    quotes = draft.quotes or draft.doubtful
    claims = _check_quotes(engine.checker, quotes, passages) if quotes else _check_text(engine.checker, draft.text, passages)
    clock.lap("check", since)
    scores = [quote.score for quote in quotes] or [claim.score for claim in claims]
    kept = [(claim, score) for claim, score in zip(claims, scores, strict=True) if claim.verdict == "supported"]
    confidence = answer_confidence([score for _, score in kept], is_quoted=bool(quotes))
    withheld = [] if draft.doubtful else [claim for claim in claims if claim.verdict != "supported"]
    return [claim for claim, _ in kept], withheld, confidence


def _check_quotes(checker: Checker, quotes: Sequence[Quote], passages: Sequence[Passage]) -> list[Claim]:
    """A quote is its own claim; it is judged against the words that it cites like any other."""
    claims = []
    for quote in quotes:
        passage = passages[quote.passage]
        text = passage.text[quote.start : quote.end]
        judgement = checker.judge(text, [text])
        citation = _citation(passage, quote.start, quote.end, judgement.score)
        claims.append(Claim(text, 0, len(text), (citation,)).judged(judgement))
    return claims


def _check_text(checker: Checker, text: str, passages: Sequence[Passage]) -> list[Claim]:
    """Claims of generated text, each judged against the passages that it cites, and only those."""
    ids = [str(number) for number in range(1, len(passages) + 1)]
    _, drafts = strip_markers(text, parse_answer(text, ids, strict_markers=True))
    cited = [[passages[int(marker) - 1] for marker in draft.markers] for draft in drafts]
    # Title and headings say what a passage is about: a name that stands only there is no invention.
    evidence = [[*(p.text for p in sources), *dict.fromkeys(p.context for p in sources if p.context)] for sources in cited]
    judgements = checker.judge_all([(draft.text, texts, draft.context) for draft, texts in zip(drafts, evidence, strict=True)])
    claims = []
    for draft, sources, judgement in zip(drafts, cited, judgements, strict=True):
        claim = Claim(draft.text, draft.start, draft.end)
        claims.append(claim.judged(_with_markers(draft, judgement), _cite(sources, judgement)))
    return claims


def _with_markers(draft: DraftClaim, judgement: Judgement) -> Judgement:
    """A marker that names nothing, or no marker at all, outweighs whatever else the check found."""
    if draft.unresolved:
        marker = draft.unresolved[0]
        return Judgement("not_enough", 0.0, "unresolved_marker", f"[{marker}] names no passage")
    if not draft.markers:
        return Judgement("not_enough", 0.0, "uncited")
    return judgement


def _cite(sources: Sequence[Passage], judgement: Judgement) -> list[Citation]:
    """Resolve each cited passage to the words in it that speak for the claim, or to the whole passage if none do."""
    best: dict[int, list[tuple[int, int, float]]] = {}
    for number, start, end, score in judgement.evidence:
        best.setdefault(number, []).append((start, end, score))
    return [
        _citation(passage, start, end, score)
        for number, passage in enumerate(sources)
        for start, end, score in best.get(number, [(0, len(passage.text), 0.0)])
    ]


def _citation(passage: Passage, start: int, end: int, score: float) -> Citation:
    """Turn a range in a passage into a range in its document."""
    return Citation(passage.document, passage.page, passage.start + start, passage.start + end, passage.text[start:end], score)


def _joined(claims: Sequence[Claim]) -> tuple[str, tuple[Claim, ...]]:
    """The answer's text, made of its claims alone, and the claims where they stand in it."""
    parts: list[str] = []
    placed: list[Claim] = []
    position = 0
    for claim in claims:
        if parts:
            separator = "\n" if "\n" in claim.text or "\n" in parts[-1] or " | " in claim.text else " "
            parts.append(separator)
            position += len(separator)
        placed.append(replace(claim, start=position, end=position + len(claim.text)))
        parts.append(claim.text)
        position += len(claim.text)
    return "".join(parts), tuple(placed)


def _is_quoter(engine: Engine) -> bool:
    return isinstance(engine.generator, QuoteGenerator)


def _abstain(engine: Engine, base: Answer, reason: str, clock: _Clock) -> Answer:
    text = message("abstain", base.language)
    return _finished(engine, replace(base, text=text, abstained=True, reason=reason), clock)


def _finished(engine: Engine, complete: Answer, clock: _Clock) -> Answer:
    """Add the receipt: what is needed to check the answer again later."""
    receipt = make_receipt(
        complete,
        retriever=engine.retriever,
        generator=engine.generator,
        quoter=engine.quoter,
        checker=engine.checker,
        embedder_name=engine.embedder_name,
    )
    return replace(complete, receipt=receipt, timings_ms=clock.total())

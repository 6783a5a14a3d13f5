"""The main path of answering: question -> passages -> draft -> claims with citations -> verdicts -> answer.

What becomes of the verdicts is the policy's to say. "strict": unsupported claims are repaired once, then withheld. "mark":
every claim is shown with its verdict. "off": the draft is shown as it is, unchecked, and `min_confidence` does not apply. When
there is nothing of a generated draft to show the product quotes instead, and when no quote answers it abstains. It knows no
command line and no HTTP.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from ingest.analysis import content_terms, detect_language
from rag.answers import Answer, Claim, Policy
from rag.checker.check import Checker
from rag.comparison import with_contradictions, with_suggestions
from rag.confidence import DECIMALS, answer_confidence
from rag.drafts import Desk, Reviewed
from rag.errors import GeneratorError, QuestionError
from rag.generators import Draft, Request, can_repair
from rag.generators import Generator as DraftGenerator
from rag.generators.quote import QuoteGenerator
from rag.messages import message
from rag.receipts import make_receipt
from rag.repair import correction, joined
from rag.retriever import Filters, Retriever

Stage = Literal["retrieve", "generate", "check", "repair", "quote"]
# What happens on the way to an answer, as `rag.streaming` hands it out.
Event = tuple[Literal["status"], Stage] | tuple[Literal["claim"], Claim] | tuple[Literal["answer"], Answer]
Value = TypeVar("Value")
Steps = Generator[Event, None, Value]
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

    `min_confidence`: confidence below which it abstains; None leaves that to the quoting generator's own threshold. `policy`
    says what becomes of unsupported claims, `repair` whether "strict" first asks the generator to correct them.
    """

    retriever: Retriever
    generator: DraftGenerator
    quoter: QuoteGenerator
    checker: Checker
    embedder_name: str
    top_k: int = 8
    max_question_chars: int = 4000
    min_confidence: float | None = None
    policy: Policy = "strict"
    repair: bool = True


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
    """All of an answer but the decision to give it. `shown`: its claims, as far as the policy lets them be shown.

    `text`: what the claims stand in, None where it is yet to be made of them. `is_doubtful`: they are quotes that stay below
    the quoting generator's own threshold.
    """

    base: Answer
    shown: tuple[Claim, ...]
    is_doubtful: bool
    clock: _Clock
    text: str | None = None


# Writes the draft; gives it back with the number of its claims that it has handed out as events already.
Write = Callable[[DraftGenerator, Request, Desk, Policy], Steps[tuple[Draft, int]]]


def answer(
    engine: Engine,
    question: str,
    *,
    turns: Sequence[tuple[str, str]] = (),
    filters: Filters | None = None,
    top_k: int | None = None,
    identity: str | None = None,
    policy: Policy | None = None,
) -> Answer:
    """Answer one question from the store.

    `turns`: earlier turns of the conversation, (role, text). `policy` None: the engine's. Raises: QuestionError,
    GeneratorError, CheckerError, StoreError.
    """
    considered = consider(engine, question, turns=turns, filters=filters, top_k=top_k, identity=identity, policy=policy)
    return decide(engine, considered, engine.min_confidence)


def consider(
    engine: Engine,
    question: str,
    *,
    turns: Sequence[tuple[str, str]] = (),
    filters: Filters | None = None,
    top_k: int | None = None,
    identity: str | None = None,
    policy: Policy | None = None,
) -> Considered:
    """Search, draft and check, but leave open whether that is good enough for an answer.

    Raises: QuestionError, GeneratorError, CheckerError, StoreError.
    """
    steps = considering(engine, question, turns, filters, top_k, identity, policy, _write_at_once)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            considered: Considered = stop.value
            return considered


def considering(
    engine: Engine,
    question: str,
    turns: Sequence[tuple[str, str]],
    filters: Filters | None,
    top_k: int | None,
    identity: str | None,
    policy: Policy | None,
    write: Write,
) -> Steps[Considered]:
    """Do the work of `consider` step by step, telling of each stage as it begins and of each claim once it may be shown.

    Raises: as `consider`.
    """
    question = checked_question(question, engine.max_question_chars)
    policy = policy or engine.policy
    clock = _Clock()
    language = detect_language(question)
    yield "status", "retrieve"
    since = time.perf_counter()
    alone = standalone(question, turns, language)
    passages = engine.retriever.search(alone, top_k or engine.top_k, filters, language)
    clock.lap("retrieve", since)
    base = Answer(question, "", passages=tuple(passages), language=language, id=identity, policy=policy)
    if not passages:
        return Considered(base, (), False, clock)
    to_quote = Request(alone, passages, language)
    request = to_quote if _is_quoter(engine) else Request(question, passages, language, tuple(turns))
    desk = Desk(engine.checker, passages, is_checking=policy != "off")
    answerable = 1.0
    if not _is_quoter(engine) and policy != "off":
        since = time.perf_counter()
        answerable = engine.quoter.answerable(to_quote)
        clock.lap("read", since)
        if engine.min_confidence is not None and answerable < engine.min_confidence:
            return Considered(replace(base, confidence=round(answerable, DECIMALS)), (), False, clock)
    yield "status", "generate"
    since = time.perf_counter()
    draft, n_told = yield from write(engine.generator, request, desk, policy)
    clock.lap("generate", since)
    yield "status", "check"
    reviewed = _reviewed(desk, draft, clock)
    if not reviewed.is_quoted:
        yield from (("claim", claim) for claim in reviewed.claims[n_told:] if is_shown(claim, policy))
    base = replace(base, draft=draft.text, confidence=reviewed.confidence)
    if policy != "strict":
        shown, withheld = list(reviewed.claims), list[Claim]()
    elif reviewed.failed and engine.repair and can_repair(engine.generator):
        base, shown, withheld = yield from _repaired(engine, request, desk, base, reviewed, clock)
    else:
        shown, withheld = reviewed.supported, reviewed.failed
    base = replace(base, withheld=tuple(_compared(desk, withheld, policy, clock)))
    if not shown and not _is_quoter(engine) and (withheld or not draft.declined):
        yield "status", "quote"
        reviewed = _quoted(engine, to_quote, desk, clock)
        shown = [claim for claim in reviewed.claims if is_shown(claim, policy)]
        base = replace(base, reason="fallback_quotes", confidence=reviewed.confidence)
    if not reviewed.is_quoted:
        base = replace(base, confidence=min(base.confidence, round(answerable, DECIMALS)))
    text = reviewed.text if policy == "off" and not reviewed.is_quoted else None
    return Considered(base, tuple(_compared(desk, shown, policy, clock)), reviewed.is_doubtful, clock, text)


def is_shown(claim: Claim, policy: Policy) -> bool:
    """True where the policy lets a claim stand in the answer."""
    return policy != "strict" or claim.verdict == "supported"


def decide(engine: Engine, considered: Considered, min_confidence: float | None) -> Answer:
    """Give what may be shown as the answer, or abstain; `min_confidence` None: as the quoting generator's threshold says."""
    base, shown = considered.base, considered.shown
    least = None if base.policy == "off" else min_confidence
    if not base.passages:
        return _abstain(engine, considered, "nothing_retrieved", least)
    if least is not None and base.confidence < least and (shown or base.confidence > 0):
        return _abstain(engine, considered, "low_confidence", least)
    if not shown or (least is None and considered.is_doubtful):
        return _abstain(engine, considered, "no_evidence", least)
    text, claims = _joined(shown) if considered.text is None else (considered.text, shown)
    return _finished(engine, considered, replace(base, text=text, claims=claims), least)


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


def _write_at_once(generator: DraftGenerator, request: Request, desk: Desk, policy: Policy) -> Steps[tuple[Draft, int]]:
    yield from ()
    return generator.generate(request), 0


def _reviewed(desk: Desk, draft: Draft, clock: _Clock) -> Reviewed:
    since = time.perf_counter()
    reviewed = desk.review(draft)
    clock.lap("check", since)
    return reviewed


def _repaired(
    engine: Engine, request: Request, desk: Desk, base: Answer, first: Reviewed, clock: _Clock
) -> Steps[tuple[Answer, list[Claim], list[Claim]]]:
    """Have the draft corrected once; gives the answer so far, the claims to show and those to withhold."""
    yield "status", "repair"
    since = time.perf_counter()
    try:
        draft = engine.generator.generate(correction(request, base.draft, first.failed))
    except GeneratorError:  # what the first draft had right is an answer all the same
        return base, first.supported, first.failed
    finally:
        clock.lap("repair", since)
    second = _reviewed(desk, draft, clock)
    shown = joined(desk, first.supported, second)
    yield from (("claim", claim) for claim in shown if claim not in first.claims)
    confidence = answer_confidence([claim.score for claim in shown], is_quoted=False)
    return replace(base, redraft=draft.text, repaired=True, confidence=confidence), shown, second.failed


def _quoted(engine: Engine, request: Request, desk: Desk, clock: _Clock) -> Reviewed:
    since = time.perf_counter()
    draft = engine.quoter.generate(request)
    clock.lap("quote", since)
    return _reviewed(desk, draft, clock)


def _compared(desk: Desk, claims: Sequence[Claim], policy: Policy, clock: _Clock) -> list[Claim]:
    """Lay the claims beside the passages that they do not cite, unless nothing is to be checked."""
    since = time.perf_counter()
    compared = list(claims) if policy == "off" else with_contradictions(desk, with_suggestions(desk, claims))
    clock.lap("compare", since)
    return compared


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


def _abstain(engine: Engine, considered: Considered, reason: str, min_confidence: float | None) -> Answer:
    base = considered.base
    told = replace(base, text=message("abstain", base.language), abstained=True, reason=reason)
    return _finished(engine, considered, told, min_confidence)


def _finished(engine: Engine, considered: Considered, complete: Answer, min_confidence: float | None) -> Answer:
    """Add the receipt: what is needed to check the answer again later."""
    receipt = make_receipt(
        complete,
        retriever=engine.retriever,
        generator=engine.generator,
        quoter=engine.quoter,
        checker=engine.checker,
        embedder_name=engine.embedder_name,
        min_confidence=min_confidence,
        is_repairing=engine.repair,
    )
    return replace(complete, receipt=receipt, timings_ms=considered.clock.total())

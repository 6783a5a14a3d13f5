"""The main path of answering: question -> passages -> draft -> claims with citations -> verdicts -> answer.

What becomes of the verdicts is the policy's to say. "strict": unsupported claims are repaired once, then withheld. "mark":
every claim is shown with its verdict. "off": the draft is shown as it is, unchecked, and `min_confidence` does not apply. When
there is nothing of a generated draft to show the product quotes instead, and when no quote answers it abstains. Answers in the
form of a JSON Schema are made in `rag.structured`; where a client offers tools the answer may be calls of them (`rag.calling`).
It knows no command line and no HTTP.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from ingest.analysis import detect_language
from rag.answers import Answer, Claim, Policy, Silence
from rag.calling import called, drafted
from rag.checker.check import Checker
from rag.comparison import with_contradictions, with_suggestions
from rag.confidence import DECIMALS, answer_confidence
from rag.drafts import Desk, Reviewed
from rag.errors import GeneratorError, GeneratorUnavailable
from rag.followups import Asked, as_it_is, leads_on, rewritten
from rag.generators import Draft, Request, can_call, can_repair, with_account
from rag.generators import Generator as DraftGenerator
from rag.generators.quote import QuoteGenerator
from rag.messages import message
from rag.outgoing import plain
from rag.questions import Options, checked_question
from rag.receipts import make_receipt
from rag.repair import correction, joined
from rag.retriever import Library, Retriever
from rag.structured import filling, require_writer
from rag.tools import beside, returned

Stage = Literal["retrieve", "generate", "check", "repair", "quote"]
# What happens on the way to an answer, as `rag.streaming` hands it out.
Event = tuple[Literal["status"], Stage] | tuple[Literal["claim"], Claim] | tuple[Literal["answer"], Answer]
Value = TypeVar("Value")
# Takes a stage that is over, when it began and when it ended, in nanoseconds since 1970.
OnLap = Callable[[str, int, int], None]
Steps = Generator[Event, None, Value]


@dataclass(frozen=True)
class Engine:
    """Everything that answering needs, put together once. `quoter` answers when the generator's draft does not survive.

    `min_confidence`: confidence below which it abstains; None leaves that to the quoting generator's own threshold. `policy`
    says what becomes of unsupported claims, `repair` whether "strict" first asks the generator to correct them,
    `rewrite_followups` whether it is asked to rewrite a question that follows others before anything is searched for.
    `on_lap` is told of every stage.
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
    rewrite_followups: bool = True
    on_lap: OnLap | None = None


@dataclass
class _Clock:
    """Milliseconds by stage."""

    on_lap: OnLap | None = None
    started: float = field(default_factory=time.perf_counter)
    stages: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def lap(self, stage: str) -> Iterator[None]:
        began, since = time.time_ns(), time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - since
            self.stages[stage] = self.stages.get(stage, 0.0) + took * 1000
            if self.on_lap is not None:
                self.on_lap(stage, began, began + round(took * 1e9))

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


@dataclass(frozen=True)
class Work:
    """One question on its way. `request` is for the generator, `to_quote` for the quoting one."""

    engine: Engine
    policy: Policy
    request: Request
    to_quote: Request
    desk: Desk
    clock: _Clock


# Writes the draft; gives it back with the number of its claims that it has handed out as events already.
Write = Callable[[DraftGenerator, Request, Desk, Policy], Steps[tuple[Draft, int]]]


def answer(engine: Engine, question: str, options: Options = Options()) -> Answer:
    """Answer one question from the store; where the generator is unavailable, by quotation or not at all.

    Raises: QuestionError, GeneratorError where it cannot be used as configured, CheckerError, StoreError.
    """
    considered = _ended(considering(engine, question, options, _write_or_tell))
    return decide(engine, considered, engine.min_confidence)


def consider(engine: Engine, question: str, options: Options = Options()) -> Considered:
    """Search, draft and check, but leave open whether that is good enough for an answer.

    This is for measuring: where the generator is unavailable nothing takes its place.

    Raises: QuestionError, GeneratorError, CheckerError, StoreError.
    """
    return _ended(considering(engine, question, options, _write_at_once))


def _ended(steps: Steps[Considered]) -> Considered:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            considered: Considered = stop.value
            return considered


def considering(engine: Engine, question: str, options: Options, write: Write) -> Steps[Considered]:
    """Do the work of `consider` step by step, telling of each stage as it begins and of each claim once it may be shown.

    Raises: as `consider`.
    """
    question = checked_question(question, engine.max_question_chars)
    policy = options.policy or engine.policy
    clock, schema = _Clock(engine.on_lap), options.schema
    if schema is not None:
        require_writer(engine.generator)
    language = detect_language(question)
    yield "status", "retrieve"
    asked = _asked(engine, question, options.turns, language, clock)
    with clock.lap("retrieve"):
        found = engine.retriever.search(asked.searched, options.top_k or engine.top_k, options.filters, language)
    made, offer = returned(options.results), options.offer if can_call(engine.generator) else None
    passages = beside(made, found)
    base = Answer(question, "", passages=tuple(passages), language=language, id=options.identity, policy=policy)
    base = replace(base, accounts=asked.accounts)
    base = base if schema is None else replace(base, schema={"sha256": schema.sha256, "dictated": []})
    if not passages and offer is None:
        return Considered(base, (), False, clock)
    to_quote = Request(asked.quoted_to, passages, language)
    request = to_quote
    if not _is_quoter(engine):
        library = Library(engine.retriever, options.top_k or engine.top_k, options.filters, language)
        request = Request(question, passages, language, tuple(options.turns), library=library, effort=options.effort)
        request = replace(request, searched=asked.rewritten, offer=offer, made=made)
        request = request if schema is None else replace(request, schema=schema.wrapped)
    work = Work(engine, policy, request, to_quote, Desk(engine.checker, passages, is_checking=policy != "off"), clock)
    answerable = _answerable(work)
    if answerable < (engine.min_confidence or 0.0) and offer is None:
        return Considered(replace(base, confidence=answerable), (), False, clock)
    if schema is not None:
        base, shown, text = yield from filling(work, base, schema, write)
        return Considered(replace(base, confidence=min(base.confidence, answerable)), shown, False, clock, text)
    base, draft, n_told = yield from drafted(work, base, write)
    if draft.calls:
        return Considered(called(base, draft), (), False, clock)
    yield "status", "check"
    reviewed = _reviewed(work, draft)
    if not reviewed.is_quoted:
        yield from (("claim", claim) for claim in reviewed.claims[n_told:] if is_shown(claim, policy))
    return (yield from _settled(work, base, draft, reviewed, answerable))


def _asked(engine: Engine, question: str, turns: Sequence[tuple[str, str]], language: str, clock: _Clock) -> Asked:
    if not (engine.rewrite_followups and leads_on(question, turns, engine.generator)):
        return as_it_is(question, turns, language)
    with clock.lap("rewrite"):
        return rewritten(question, turns, language, engine.generator)


def _settled(work: Work, base: Answer, draft: Draft, reviewed: Reviewed, answerable: float) -> Steps[Considered]:
    """Do with the verdicts what the policy says: show, repair or withhold, and quote where nothing is left."""
    engine, policy = work.engine, work.policy
    base = replace(base, draft=plain(draft.text), confidence=reviewed.confidence, passages=tuple(work.desk.passages))
    base = replace(base, accounts=with_account(base.accounts, draft))
    if policy != "strict":
        shown, withheld = list(reviewed.claims), list[Claim]()
    elif reviewed.failed and engine.repair and can_repair(engine.generator) and not draft.failure:
        base, shown, withheld = yield from _repaired(work, base, reviewed)
    else:
        shown, withheld = reviewed.supported, reviewed.failed
    base = replace(base, withheld=tuple(_compared(work, withheld)))
    if not shown and not _is_quoter(engine) and (withheld or not draft.declined) and base.passages:
        yield "status", "quote"
        reviewed = _quoted(work)
        shown = [claim for claim in reviewed.claims if is_shown(claim, policy)]
        base = replace(base, reason="fallback_quotes", confidence=reviewed.confidence)
    if draft.failure:
        base = replace(base, reason="generator_failed")
    if not reviewed.is_quoted:
        base = replace(base, confidence=min(base.confidence, answerable))
    text = reviewed.text if policy == "off" and not reviewed.is_quoted else None
    return Considered(base, tuple(_compared(work, shown)), reviewed.is_doubtful, work.clock, text)


def is_shown(claim: Claim, policy: Policy) -> bool:
    """True where the policy lets a claim stand in the answer."""
    return policy != "strict" or claim.verdict == "supported"


def decide(engine: Engine, considered: Considered, min_confidence: float | None) -> Answer:
    """Give what may be shown as the answer, or abstain; `min_confidence` None: as the quoting generator's threshold says."""
    base, shown = considered.base, considered.shown
    if base.calls:
        return _finished(engine, considered, base, min_confidence)
    least = None if base.policy == "off" else min_confidence
    if not base.passages:
        return _abstain(engine, considered, "nothing_retrieved", least)
    if least is not None and base.confidence < least and (shown or base.confidence > 0):
        return _abstain(engine, considered, "low_confidence", least)
    if not shown or (least is None and considered.is_doubtful):
        return _abstain(engine, considered, "no_evidence", least)
    text, claims = _joined(shown) if considered.text is None else (considered.text, shown)
    return _finished(engine, considered, replace(base, text=text, claims=claims), least)


def failed_draft(error: GeneratorUnavailable, so_far: Draft) -> Draft:
    """What there is of a draft when its generator fails; the receipt tells why there is no more."""
    return replace(so_far, failure=str(error), account={**so_far.account, "problem": str(error)})


def _write_or_tell(generator: DraftGenerator, request: Request, desk: Desk, policy: Policy) -> Steps[tuple[Draft, int]]:
    try:
        return (yield from _write_at_once(generator, request, desk, policy))
    except GeneratorUnavailable as error:
        return failed_draft(error, Draft()), 0


def _write_at_once(generator: DraftGenerator, request: Request, desk: Desk, policy: Policy) -> Steps[tuple[Draft, int]]:
    yield from ()
    return generator.generate(request), 0


def _answerable(work: Work) -> float:
    """How probable it is that the passages answer at all; 1 where a quote says so itself, or nothing is checked."""
    if _is_quoter(work.engine) or work.policy == "off":
        return 1.0
    if not work.to_quote.passages:
        return 0.0
    with work.clock.lap("read"):
        return round(work.engine.quoter.answerable(work.to_quote), DECIMALS)


def _reviewed(work: Work, draft: Draft) -> Reviewed:
    with work.clock.lap("check"):
        return work.desk.review(draft)


def _repaired(work: Work, base: Answer, first: Reviewed) -> Steps[tuple[Answer, list[Claim], list[Claim]]]:
    """Have the draft corrected once; gives the answer so far, the claims to show and those to withhold."""
    yield "status", "repair"
    try:
        with work.clock.lap("repair"):
            draft = work.engine.generator.generate(correction(work.request, base.draft, first.failed))
    except GeneratorError:  # what the first draft had right is an answer all the same
        return base, first.supported, first.failed
    second = _reviewed(work, draft)
    shown = joined(work.desk, first.supported, second)
    yield from (("claim", claim) for claim in shown if claim not in first.claims)
    confidence = answer_confidence([claim.score for claim in shown], is_quoted=False)
    base = replace(
        base, redraft=plain(draft.text), repaired=True, confidence=confidence, accounts=with_account(base.accounts, draft)
    )
    return replace(base, passages=tuple(work.desk.passages)), shown, second.failed


def _quoted(work: Work) -> Reviewed:
    with work.clock.lap("quote"):
        draft = work.engine.quoter.generate(work.to_quote)
    return _reviewed(work, draft)


def _compared(work: Work, claims: Sequence[Claim]) -> list[Claim]:
    """Lay the claims beside the passages that they do not cite, unless nothing is to be checked."""
    with work.clock.lap("compare"):
        return list(claims) if work.policy == "off" else with_contradictions(work.desk, with_suggestions(work.desk, claims))


def _joined(claims: Sequence[Claim]) -> tuple[str, tuple[Claim, ...]]:
    """The answer's text, made of its claims alone, and the claims where they stand in it."""
    parts: list[str] = []
    placed: list[Claim] = []
    position = 0
    for claim in claims:
        if parts:
            parts.append(separator(parts[-1], claim.text))
            position += len(parts[-1])
        placed.append(replace(claim, start=position, end=position + len(claim.text)))
        parts.append(claim.text)
        position += len(claim.text)
    return "".join(parts), tuple(placed)


def separator(before: str, after: str) -> str:
    """What stands between two claims of an answer that is made of claims: lines and rows of tables stay lines."""
    return "\n" if "\n" in after or "\n" in before or " | " in after else " "


def _is_quoter(engine: Engine) -> bool:
    return isinstance(engine.generator, QuoteGenerator)


def _abstain(engine: Engine, considered: Considered, reason: Silence, min_confidence: float | None) -> Answer:
    base = considered.base
    if base.reason == "generator_failed":  # that the documents do not say is more than is known then
        told = replace(base, text=message("no_json" if base.schema else "failed", base.language), abstained=True)
    else:
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

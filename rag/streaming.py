"""An answer as it comes: events for each stage, for each claim once it is checked, and at the end the answer.

    ("status", stage)     a stage begins
    ("claim", Claim)      a claim that will stand in the answer; its positions count in the draft, and what other passages say
                          of it comes with the answer
    ("answer", Answer)    the answer, the same that `rag.pipeline.answer` gives; where the generator broke off, what was told

Nothing is told before it was checked, unless the policy is "off", and nothing that was told is taken back: where the whole
answer may yet be withheld because of `min_confidence`, claims are told only once that is decided.
"""

from collections import Counter
from collections.abc import Generator as Events
from dataclasses import replace

from rag.answers import Claim, Policy
from rag.drafts import Desk
from rag.errors import GeneratorUnavailable
from rag.generators import Draft, Generator, Request, StreamingGenerator
from rag.pipeline import Considered, Engine, Event, Steps, considering, decide, failed_draft, is_shown
from rag.questions import Options


def answer_events(engine: Engine, question: str, options: Options = Options()) -> Events[Event, None, None]:
    """Answer one question from the store, telling of the work as it goes; nothing happens before the first event is taken.

    Whoever breaks off closes it, and with it the stream of a generator.

    Raises: QuestionError, GeneratorError, CheckerError, StoreError.
    """
    steps = considering(engine, question, options, _write_as_it_comes)
    is_held = engine.min_confidence is not None and (options.policy or engine.policy) != "off"
    told: Counter[tuple[str, str]] = Counter()
    considered: Considered | None = None
    while considered is None:
        try:
            event = next(steps)
        except StopIteration as stop:
            considered = stop.value
            break
        if event[0] == "claim":
            if is_held:
                continue
            told[_name(event[1])] += 1
        yield event
    answer = decide(engine, considered, engine.min_confidence)
    for claim in answer.claims:
        if told[_name(claim)] > 0:
            told[_name(claim)] -= 1
        else:
            yield "claim", claim
    yield "answer", answer


def _write_as_it_comes(generator: Generator, request: Request, desk: Desk, policy: Policy) -> Steps[tuple[Draft, int]]:
    """Write the draft and tell of its claims while it is written, where the generator can; JSON has none before it is whole.

    Where tools may be called nothing is told before it is known that none is: words beside a call are no part of an answer.
    """
    draft, kept, n_settled = Draft(), Draft(), 0
    try:
        if request.schema is not None or not isinstance(generator, StreamingGenerator):
            return generator.generate(request), 0
        for piece in generator.stream(request):
            draft = replace(draft, text=draft.text + piece) if isinstance(piece, str) else piece
            if request.offer is not None:
                continue
            settled = desk.settled(draft, n_settled)
            n_settled += len(settled)
            kept = draft if settled else kept
            yield from (("claim", claim) for claim in settled if is_shown(claim, policy))
    except GeneratorUnavailable as error:
        # What was told stays, and the rest of it is dropped: its last sentence may have lost a word such as "unless".
        return failed_draft(error, desk.ended(kept)), n_settled
    return draft, n_settled


def _name(claim: Claim) -> tuple[str, str]:
    """What a claim is known by before and after it has its place in the answer."""
    return claim.text, claim.verdict

"""The seam to what writes answers: a request goes in, a draft comes out. Drafts are never trusted; the checker judges them.

A generator that can correct its draft has an attribute `can_repair` that is true: it is asked once more, with what the check
found. One that can hand its draft out while writing has a method `stream`. One that can write JSON to a schema has an attribute
`can_fill` that is true. One that can rewrite a follow-up question so that it stands by itself has an attribute `can_rewrite`
that is true. One that can call tools of a client has an attribute `can_call` that is true.

Implementations: `quote` (no language model), `llamacpp` (a GGUF file in process), `openai` (any compatible server), `harmony`
(gpt-oss by token ids, in process or behind a server).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from rag.answers import Call, Passage, Verdict
from rag.retriever import Library
from rag.tools import Offer, Returned


@dataclass(frozen=True)
class Failure:
    """A claim of a draft that the check did not support; `reason` and `detail` are those of its judgement."""

    text: str
    verdict: Verdict
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Earlier:
    """A draft that is to be corrected: its text with markers, and the claims that failed; of JSON, the faults of its form.

    `is_call`: the draft is calls of tools, and the faults are theirs.
    """

    draft: str
    failures: tuple[Failure, ...] = ()
    faults: tuple[str, ...] = ()
    is_call: bool = False


@dataclass(frozen=True)
class Request:
    """A question with the passages to answer from. `turns` are the earlier turns of the conversation: (role, text).

    `earlier`: the request is for a correction of that draft. `library`: where a generator may look for more. `effort`: how much
    a reasoning model is to think, "low", "medium" or "high"; empty as it is configured. `schema`: the draft is to be JSON that
    keeps to this JSON Schema, as far as the generator can see to that; then it marks nothing, its JSON names what it cites.
    `searched`: what the passages were found by, where that is the question rewritten. `is_rewrite`: no answer is wanted but the
    question, so that it stands without its turns; there are no passages then. `offer`: the tools that it may call instead of
    answering. `made`: the calls that were made for this question already; what came back stands first among the passages.
    """

    question: str
    passages: Sequence[Passage]
    language: str
    turns: tuple[tuple[str, str], ...] = ()
    earlier: Earlier | None = None
    library: Library | None = None
    effort: str = ""
    schema: Mapping[str, Any] | None = None
    searched: str = ""
    is_rewrite: bool = False
    offer: Offer | None = None
    made: tuple[Returned, ...] = ()


@dataclass(frozen=True)
class Quote:
    """Words to be quoted: `passages[passage].text[start:end]`. `score` is the probability that they answer the question."""

    passage: int
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Draft:
    """What a generator gives back: either text in which `[n]` marks the n-th passage (from 1), or quotes.

    `declined`: the generator says that the passages do not answer. `doubtful`: what it would have quoted otherwise, for
    callers who set a threshold of their own. `places`: what the markers name, if it is not the n-th passage; the words that a
    marker names may be a part of a passage, or several. `found`: passages that the generator found besides those it was given.
    `account`: how the draft came about, for the receipt. `failure`: why there is no more of it than this; empty if it is whole.
    `calls`: what it wants to have called of the tools that it was offered, as it wrote them; where there are any its text is
    no answer.
    """

    text: str = ""
    quotes: tuple[Quote, ...] = ()
    declined: bool = False
    doubtful: tuple[Quote, ...] = ()
    places: Mapping[str, tuple[Passage, ...]] | None = None
    found: tuple[Passage, ...] = ()
    account: Mapping[str, Any] = field(default_factory=dict)
    failure: str = ""
    calls: tuple[Call, ...] = ()


class Generator(Protocol):
    """What the pipeline needs from whatever writes answers."""

    name: str

    def generate(self, request: Request) -> Draft:
        """Write a draft answer.

        Raises: GeneratorError when it cannot be used as it is configured; GeneratorUnavailable when it gives none this time.
        """
        ...


@runtime_checkable
class StreamingGenerator(Protocol):
    """A generator that can also hand its draft out piece by piece."""

    def stream(self, request: Request) -> Iterator[str | Draft]:
        """Give pieces of the draft as they are written; joined they are the text that `generate` would have given.

        A draft among the pieces says what is known besides the text from there on, and its text is that so far.

        Raises: as `generate`; GeneratorUnavailable also in the middle.
        """
        ...


def can_repair(generator: Generator) -> bool:
    """True for a generator that can correct a draft when it is told what is wrong with it."""
    return bool(getattr(generator, "can_repair", False))


def can_fill(generator: Generator) -> bool:
    """True for a generator that can write JSON to a schema."""
    return bool(getattr(generator, "can_fill", False))


def can_rewrite(generator: Generator) -> bool:
    """True for a generator that can rewrite a follow-up question so that it stands by itself."""
    return bool(getattr(generator, "can_rewrite", False))


def can_call(generator: Generator) -> bool:
    """True for a generator that can call tools of a client."""
    return bool(getattr(generator, "can_call", False))


def with_account(accounts: tuple[Mapping[str, Any], ...], draft: Draft) -> tuple[Mapping[str, Any], ...]:
    """The accounts of an answer with that of one more draft, where it has one."""
    return (*accounts, draft.account) if draft.account else accounts

"""The seam to what writes answers: a request goes in, a draft comes out. Drafts are never trusted; the checker judges them.

Implementations: `quote` (no language model), `llamacpp` (a GGUF file in process), `openai` (any compatible server).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.answers import Passage


@dataclass(frozen=True)
class Request:
    """A question with the passages to answer from. `turns` are the earlier turns of the conversation: (role, text)."""

    question: str
    passages: Sequence[Passage]
    language: str
    turns: tuple[tuple[str, str], ...] = ()


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
    callers who set a threshold of their own.
    """

    text: str = ""
    quotes: tuple[Quote, ...] = ()
    declined: bool = False
    doubtful: tuple[Quote, ...] = ()


class Generator(Protocol):
    """What the pipeline needs from whatever writes answers."""

    name: str

    def generate(self, request: Request) -> Draft:
        """Write a draft answer.

        Raises: GeneratorError when it cannot be reached, loaded or understood.
        """
        ...

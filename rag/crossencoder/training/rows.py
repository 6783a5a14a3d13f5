"""A row of training data: what the network reads, and what each head is to say of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rag.crossencoder.inputs import Pair, Span

SEED = 20
IGNORED = -100


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


def tags_of(found: Pair, at: int, wrong: Sequence[Span], is_known: bool) -> tuple[int, ...]:
    """Targets of the tag head: `wrong` are ranges of the claim, which starts at `at` of the first text."""
    return tuple(
        IGNORED if not is_known or start < at else int(any(start - at < e and s < end - at for s, e in wrong))
        for start, end in found.first
    )

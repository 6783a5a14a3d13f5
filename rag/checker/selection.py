"""Which sentences of the evidence a reading model gets to see with a claim: all of a short text, the best of a long one."""

from collections.abc import Callable

from rag.checker.support import Alignment

EVIDENCE_TOKENS = 160
_GAIN = 0.02  # share of the claim that one more sentence must add to be taken for its words


def select_sentences(alignment: Alignment, count_tokens: Callable[[str], int], max_tokens: int = EVIDENCE_TOKENS) -> list[int]:
    """Numbers of the sentences to read, in text order, of at most `max_tokens` together (one is always taken).

    First those that hold the claim's words, each for what it adds, then neighbours of the best, which tell who "he" is.
    """
    evidence = alignment.evidence
    chosen: list[int] = []
    left = max_tokens
    for number in _ranked(alignment):
        cost = count_tokens(evidence.text(number))
        if cost <= left or not chosen:
            chosen.append(number)
            left -= cost
        if left <= 8:
            break
    return sorted(chosen)


def _ranked(alignment: Alignment) -> list[int]:
    evidence = alignment.evidence
    pool = list(alignment.candidates)
    order: list[int] = []
    covered = 0.0
    while pool:
        best = max(pool, key=lambda number: alignment.share([*order, number]))
        share = alignment.share([*order, best])
        if order and share < covered + _GAIN:
            break
        covered = share
        order.append(best)
        pool.remove(best)
    near = [other for number in order for other in evidence.window(number)]
    rest = range(len(evidence.sentences))
    return list(dict.fromkeys([*order, *near, *pool, *rest]))

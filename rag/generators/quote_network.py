"""What the cross-encoder says of a sentence as the answer: does its passage answer the question, does the answer lie in it.

A passage is read whole where it fits, else in windows of whole sentences. The network was taught on articles in English,
Spanish and German; of tables and forms it knows little, and the words keep their say beside it.
"""

from collections.abc import Sequence

import numpy as np

from ingest.sentences import sentence_spans
from rag.answers import Passage
from rag.crossencoder.inputs import MAX_TOKENS, Pair, Span, count_tokens, passage_pair
from rag.crossencoder.runtime import CrossEncoder, Floats, Read
from rag.generators.quote_features import Candidate

NAMES = ("net_passage", "net_span", "net_best")
_MOST = 10.0  # log-odds beyond this are no surer
_MARGIN_TOKENS = 24  # title and marks


def network_features(
    network: CrossEncoder, question: str, passages: Sequence[Passage], candidates: Sequence[Candidate]
) -> list[dict[str, float]]:
    """For each candidate: log-odds that its passage answers, that the answer starts and ends in it, and the best of those.

    Raises: CheckerError when the weights cannot be loaded.
    """
    wanted = sorted({candidate.passage for candidate in candidates})
    windows = [(number, span) for number in wanted for span in _windows(question, passages[number].text)]
    inputs = [passage_pair(question, passages[n].context, passages[n].text[slice(*span)]) for n, span in windows]
    reads = network.read([found for found, _ in inputs])
    found = []
    for candidate in candidates:
        own = [
            (_within(read, given, at + candidate.unit.start - span[0], at + candidate.unit.end - span[0]), read.answers)
            for (number, span), (given, at), read in zip(windows, inputs, reads, strict=True)
            if number == candidate.passage and span[0] < candidate.unit.end and candidate.unit.start < span[1]
        ]
        found.append({"net_passage": _bounded(max(a for _, a in own)), "net_span": _bounded(max(s for s, _ in own))})
    best = max((row["net_span"] for row in found), default=-_MOST)
    return [{**row, "net_best": row["net_span"] - best} for row in found]


def _windows(question: str, text: str) -> list[Span]:
    """The whole text if it fits, else runs of sentences that fit."""
    room = MAX_TOKENS - _MARGIN_TOKENS - min(count_tokens(question), MAX_TOKENS // 3)
    if count_tokens(text) <= room:
        return [(0, len(text))]
    found: list[Span] = []
    used = 0
    for start, end in sentence_spans(text):
        cost = count_tokens(text[start:end])
        if found and used + cost <= room:
            found[-1] = (found[-1][0], end)
            used += cost
        else:
            found.append((start, end))
            used = cost
    return found or [(0, len(text))]


def _within(read: Read, given: Pair, start: int, end: int) -> float:
    """Log-odds, against no answer, of the best answer that starts and ends within these characters of the second text."""
    low, high = given.second_tokens(max(start, 0), end)
    first, last = low - given.second_at + 1, high - given.second_at + 1  # place 0 is that of no answer
    if last <= first:
        return -_MOST
    return float(_best_span(read.starts[first:last], read.ends[first:last]) - read.starts[0] - read.ends[0])


def _best_span(starts: Floats, ends: Floats) -> float:
    """Highest sum of a start and an end that does not come before it."""
    return float(np.max(np.maximum.accumulate(starts) + ends))


def _bounded(value: float) -> float:
    return max(-_MOST, min(_MOST, float(value)))

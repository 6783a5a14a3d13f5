"""A question read together with passages: a passage whole where it fits, else in windows of whole sentences.

The network was taught on articles in English, Spanish and German; of tables and forms it knows little.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ingest.sentences import sentence_spans
from rag.answers import Passage
from rag.crossencoder.inputs import MAX_TOKENS, Pair, Span, count_tokens, passage_pair
from rag.crossencoder.runtime import CrossEncoder, Floats, Read

MOST = 10.0  # log-odds beyond this are no surer
_MARGIN_TOKENS = 24  # title and marks


@dataclass(frozen=True)
class Window:
    """Characters `span` of a passage as they were read: they begin `at` in the second text of the pair."""

    span: Span
    given: Pair
    at: int
    read: Read

    def span_odds(self, start: int, end: int) -> float:
        """Log-odds, against no answer, of the best answer that lies within these characters of the passage."""
        low, high = self.given.second_tokens(max(self.at + start - self.span[0], 0), self.at + end - self.span[0])
        first, last = low - self.given.second_at + 1, high - self.given.second_at + 1  # place 0 is that of no answer
        if last <= first:
            return -MOST
        starts, ends = self.read.starts, self.read.ends
        return float(_best_span(starts[first:last], ends[first:last]) - starts[0] - ends[0])


def read_windows(network: CrossEncoder, question: str, passages: Sequence[Passage]) -> list[list[Window]]:
    """The windows of each passage, read with the question.

    Raises: CheckerError when the weights cannot be loaded.
    """
    places = [(number, span) for number, passage in enumerate(passages) for span in _windows(question, passage.text)]
    inputs = [passage_pair(question, passages[n].context, passages[n].text[slice(*span)]) for n, span in places]
    found: list[list[Window]] = [[] for _ in passages]
    for (number, span), (given, at), read in zip(places, inputs, network.read([given for given, _ in inputs]), strict=True):
        found[number].append(Window(span, given, at, read))
    return found


def answer_odds(network: CrossEncoder, question: str, passages: Sequence[Passage]) -> list[float]:
    """Log-odds for each passage that it answers: the mean of what the network says of the whole and of its best words.

    Raises: CheckerError when the weights cannot be loaded.
    """
    return [
        max((bounded(w.read.answers) + bounded(w.span_odds(*w.span))) / 2 for w in windows)
        for windows in read_windows(network, question, passages)
    ]


def bounded(value: float) -> float:
    """Log-odds no surer than the network can be taken to be."""
    return max(-MOST, min(MOST, float(value)))


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


def _best_span(starts: Floats, ends: Floats) -> float:
    """Highest sum of a start and an end that does not come before it."""
    return float(np.max(np.maximum.accumulate(starts) + ends))

"""What the cross-encoder says of a sentence as the answer: does its passage answer the question, does the answer lie in it.

Of tables and forms it knows little, and the words keep their say beside it.
"""

from collections.abc import Sequence

from rag.answers import Passage
from rag.crossencoder.passages import MOST, bounded, read_windows
from rag.crossencoder.runtime import CrossEncoder
from rag.generators.quote_features import Candidate

NAMES = ("net_passage", "net_span", "net_best")


def network_features(
    network: CrossEncoder, question: str, passages: Sequence[Passage], candidates: Sequence[Candidate]
) -> list[dict[str, float]]:
    """For each candidate: log-odds that its passage answers, that the answer starts and ends in it, and the best of those.

    Raises: CheckerError when the weights cannot be loaded.
    """
    wanted = sorted({candidate.passage for candidate in candidates})
    windows = dict(zip(wanted, read_windows(network, question, [passages[number] for number in wanted]), strict=True))
    found = []
    for candidate in candidates:
        unit = candidate.unit
        own = [one for one in windows[candidate.passage] if one.span[0] < unit.end and unit.start < one.span[1]]
        passage = max(one.read.answers for one in own)
        found.append(
            {"net_passage": bounded(passage), "net_span": bounded(max(w.span_odds(unit.start, unit.end) for w in own))}
        )
    best = max((row["net_span"] for row in found), default=-MOST)
    return [{**row, "net_best": row["net_span"] - best} for row in found]

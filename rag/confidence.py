"""How sure the product is of an answer: one number in [0, 1], for which `rag calibrate` sets the threshold of abstaining.

Of generated text it is the lower of two: the support of its claims, and how likely it is that the passages answer the question
at all. The second can only lower the number, so an answer that it alone puts below the threshold need not be generated.
"""

from collections.abc import Sequence

# Confidences have as many decimals as they are printed with, so that a threshold taken from a printed one means the same.
DECIMALS = 6


def answer_confidence(scores: Sequence[float], *, is_quoted: bool) -> float:
    """Confidence in an answer made of the claims that the check kept, rounded to DECIMALS; 0 where nothing was kept.

    `scores`: for quotes the probability that each answers the question, and the best one counts, since one right sentence is
    an answer; for generated text the support of each claim, and the worst one counts, since one wrong claim spoils it.
    """
    worth = max(scores, default=0.0) if is_quoted else min(scores, default=0.0)
    return round(worth, DECIMALS)

"""A claim and its texts as the checker would give them to the network."""

from collections.abc import Sequence

from rag.checker.check import Checker
from rag.checker.entailment import claim_pair
from rag.checker.evidence import Evidence
from rag.checker.support import Alignment
from rag.crossencoder.inputs import Pair


def claim_input(checker: Checker, claim: str, texts: Sequence[str], context: str) -> tuple[Pair, int]:
    """The input, and at which character of the first text the claim starts."""
    evidence = Evidence([checker.source(text) for text in texts if text.strip()])
    return claim_pair(Alignment(claim, evidence, context), context)

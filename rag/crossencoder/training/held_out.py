"""Which documents of the question sets the cross-encoder learns nothing from, so that there is something to measure it with."""

import hashlib
from collections.abc import Mapping
from typing import Any

# The same topics in every language, so that nothing learnt in one language is measured in another.
HELD_OUT = frozenset(
    """Normans.md Normandos.md Warsaw.md Varsovia.md Rhine.md Rin.md Geology.md Geologia.md Kenya.md""".split()
)


def is_held_out(name: str, document: str) -> bool:
    """True for a document of a question set that nothing is learnt from.

    Of clapnq, with an article a question, a quarter; of scifact, whose abstracts are all searched, a quarter of the claims,
    which are named by their id.
    """
    if name in ("clapnq", "scifact"):
        return hashlib.sha256(document.encode()).digest()[0] % 4 == 0
    return document in HELD_OUT


def topic(question: Mapping[str, Any]) -> str:
    """Name the document that a question was asked about."""
    about = question.get("about") or question["gold"][0]
    return str(about["document"])

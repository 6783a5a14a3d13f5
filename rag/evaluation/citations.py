"""Do the citations of an answer stand where the answer is known to stand, and are their words really there.

A citation matches a gold item if both share half of the shorter span; if only the page is known, on the same page; else in the
same document. Definitions: README of the benchmark folder, section 4.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rag.answers import Citation
from rag.evaluation.answers import shares_half
from rag.evaluation.retrieval import gold_sets


def matches(citation: Citation, gold: Mapping[str, Any]) -> bool:
    """True where a citation names the place of a gold item, as finely as that is known."""
    if gold.get("start") is not None and gold.get("end") is not None:
        return shares_half(citation.document, citation.start, citation.end, gold)
    is_same_page = gold.get("page") is None or citation.page == gold["page"]
    return bool(citation.document == gold["document"] and is_same_page)


def citation_recall(question: Mapping[str, Any], citations: Sequence[Citation]) -> float:
    """Share of the gold items that are cited, of the best gold set; the question must have gold."""
    shares = [sum(any(matches(c, gold) for c in citations) for gold in items) / len(items) for items in gold_sets(question)]
    return max(shares)


def citation_precision(question: Mapping[str, Any], citations: Sequence[Citation]) -> float:
    """Share of the citations that match any gold item; there must be one citation at least."""
    return sum(any(matches(citation, gold) for gold in question["gold"]) for citation in citations) / len(citations)


def n_verbatim(citations: Sequence[Citation], text_of: Callable[[str], str]) -> int:
    """Number of citations whose quote is exactly what stands at their place; `text_of` gives a document's text."""
    return sum(text_of(c.document)[c.start : c.end] == c.quote != "" for c in citations)

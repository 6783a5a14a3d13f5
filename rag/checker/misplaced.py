"""A gate for what stands in the evidence, but of something else: the year of another event, the name of another person.

Where one sentence holds the rest of the claim and has another figure or name in the place, and the sentences around the claim's
own figure or name hold clearly less of it, the claim has taken it from the wrong place. It compares words, so it stays silent
where a claim is reworded too far to be laid beside one sentence.
"""

from collections.abc import Iterator, Sequence

from ingest.analysis import terms
from rag.checker.evidence import figures
from rag.checker.gates import Finding, Kind, named_runs, same_kind, stated_figures
from rag.checker.quantities import DateValue, Quantity
from rag.checker.support import Alignment

_MIN_SHARE = 0.75  # of the rest of the claim that the rival's sentence holds
_MIN_LEAD = 0.35  # by which it holds more than the sentences around the claim's own figure or name
_MIN_WORDS = 3  # in the rest of the claim; less could be about anything


def find_misplaced(alignment: Alignment) -> list[Finding]:
    """Figures and names of the claim that the evidence says of something else."""
    if not alignment.closest:
        return []
    return [*_figures(alignment), *_names(alignment)]


def _figures(alignment: Alignment) -> Iterator[Finding]:
    claim, evidence = alignment.claim, alignment.evidence
    stated = stated_figures(claim, evidence)
    own = {(start, end): numbers for start, end, numbers in evidence.agreeing(stated)}
    best = alignment.closest[0]
    text = evidence.text(best)
    there = figures(text, evidence.language)
    found: list[Quantity | DateValue] = [*stated.quantities, *stated.dates]
    for figure in found:
        numbers = own.get((figure.start, figure.end), frozenset())
        if not numbers or not _is_taken(alignment, figure.start, figure.end, numbers):
            continue
        if isinstance(figure, DateValue):
            is_rivalled = any(same_kind(figure, other) for other in there.dates)
        else:
            is_rivalled = not figure.is_loose and any(
                other.unit == figure.unit and not other.is_loose and not figure.agrees(other) for other in there.quantities
            )
        if is_rivalled:
            kind: Kind = "date" if isinstance(figure, DateValue) else "number"
            yield Finding(kind, claim[figure.start : figure.end], figure.start, figure.end, text)


def _names(alignment: Alignment) -> Iterator[Finding]:
    claim, evidence = alignment.claim, alignment.evidence
    text = evidence.text(alignment.closest[0])
    mine = set(terms(claim, evidence.language))
    named = [text[slice(*run)] for run in named_runs(text)]
    # "U.S." may be the claim's own name, shortened.
    rivals = [name for name in named if not name.isupper() and not mine & set(terms(name, evidence.language))]
    for start, end in named_runs(claim) if rivals else ():
        keys = terms(claim[start:end], evidence.language)
        numbers = frozenset(n for key in keys for n in evidence.postings.get(key, ()))
        if numbers and _is_taken(alignment, start, end, numbers):
            yield Finding("name", claim[start:end], start, end, text)


def _is_taken(alignment: Alignment, start: int, end: int, numbers: frozenset[int]) -> bool:
    """True if the closest sentence lacks what stands at `start:end` and holds clearly more of the rest than those with it."""
    rest = [i for i, word in enumerate(alignment.words) if not (start < word.end and word.start < end)]
    best = alignment.closest[0]
    if best in numbers or len(rest) < _MIN_WORDS:
        return False

    def share(sentences: Sequence[int]) -> float:
        covered = alignment.covered(sentences)
        return sum(covered[i] * alignment.weights[i] for i in rest) / sum(alignment.weights[i] for i in rest)

    whole = share([best])
    if whole < _MIN_SHARE:
        return False
    own = max(share([n for n in alignment.evidence.window(number) if n != best]) for number in numbers)
    return whole - own >= _MIN_LEAD

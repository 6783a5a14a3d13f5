"""Lay claims beside the passages that they do not cite: one may support what the cited one does not, another say otherwise.

Neither changes a verdict. A better place is offered, never cited in silence; a contradiction between sources is shown, never
settled. Contradictions are found only where a figure, a date or a negation differs in words that are otherwise the same: a
contradiction in other words is not seen, and passages on different things that read alike may be taken for one.
"""

from collections.abc import Sequence
from dataclasses import replace

from ingest.analysis import terms
from rag.answers import Citation, Claim, Passage
from rag.checker.binding import label_groups
from rag.checker.support import Reading
from rag.drafts import Desk, best_citation, evidence_of
from rag.phrases import leans_on_context

_MAX_SUGGESTING = 8  # passages looked at for each failed claim, the best first: a guess that bounds the cost
_MAX_CONTRADICTING = 5
_MIN_WORDS = (
    3  # of a claim, function words aside: "The answer is: 2" says so little that any text with a 2 in it may support it
)
_TELLING = frozenset({"number", "date", "negation", "comparison"})
# Share of the claim's other words that the closest sentence holds: lower, and sentences on different things count as rivals.
_MIN_SAME = 0.8
_MIN_OTHER_WORDS = 3  # fewer, as in "Valid from ..." or "Capacity | ...", do not say what a figure is of


def with_suggestions(desk: Desk, claims: Sequence[Claim]) -> list[Claim]:
    """The claims, those that failed with the best place that supports them, if a passage that they do not cite does.

    Raises: CheckerError when the check cannot run.
    """
    failed = [claim for claim in claims if claim.verdict != "supported"]
    pairs = [
        (claim, passage)
        for claim in failed
        for passage in _others(claim, desk.passages, _MAX_SUGGESTING)
        if len(terms(claim.text, passage.language)) >= _MIN_WORDS
    ]
    judgements = desk.judge_all([(claim.text, evidence_of([passage]), claim.context) for claim, passage in pairs])
    found: dict[int, list[tuple[float, Citation]]] = {}
    for (claim, passage), judgement in zip(pairs, judgements, strict=True):
        place = best_citation(passage, judgement)
        if judgement.verdict == "supported" and place is not None:
            found.setdefault(id(claim), []).append((judgement.score, replace(place, score=judgement.score)))
    best = {key: max(places, key=lambda place: place[0])[1] for key, places in found.items()}
    return [replace(claim, suggestion=best.get(id(claim))) for claim in claims]


def with_contradictions(desk: Desk, claims: Sequence[Claim]) -> list[Claim]:
    """The claims, those that are supported with the places where another passage gives another figure, date or the opposite.

    Raises: CheckerError when the check cannot run.
    """
    supported = [claim for claim in claims if claim.verdict == "supported" and not leans_on_context(claim.text)]
    pairs = [(claim, passage) for claim in supported for passage in _others(claim, desk.passages, _MAX_CONTRADICTING)]
    items = [(claim.text, evidence_of([passage]), claim.context) for claim, passage in pairs]
    # The gates alone rule most pairs out, at no call of the support model.
    readings = desk.checker.read_all(items)
    rivals = [
        n
        for n, ((claim, passage), reading) in enumerate(zip(pairs, readings, strict=True))
        if reading is not None and _is_rival(reading, passage) and not _is_of_a_sibling(claim, passage, desk.passages)
    ]
    found: dict[int, list[Citation]] = {}
    for n, judgement in zip(rivals, desk.judge_all([items[n] for n in rivals]), strict=True):
        claim, passage = pairs[n]
        place = best_citation(passage, judgement)
        if judgement.verdict == "contradicted" and judgement.reason in _TELLING and place is not None:
            found.setdefault(id(claim), []).append(place)
    return [replace(claim, contradicted_by=tuple(found.get(id(claim), ()))) for claim in claims]


def _others(claim: Claim, passages: Sequence[Passage], limit: int) -> list[Passage]:
    """The best passages that the claim does not cite."""
    return [passage for passage in passages if not _cites(claim, passage)][:limit]


def _cites(claim: Claim, passage: Passage) -> bool:
    return any(c.document == passage.document and passage.start <= c.start and c.end <= passage.end for c in claim.citations)


def _is_rival(reading: Reading, passage: Passage) -> bool:
    """True where all that keeps the passage from saying the same is a figure, a date or a negation that it has otherwise."""
    if any(finding.kind == "untrue" for finding in reading.findings):
        return True  # the passage says the same words, and that they are not so
    findings = reading.findings
    if not findings or not all(finding.kind in _TELLING and finding.rival for finding in findings):
        return False
    if any(finding.kind != "negation" and finding.missed in passage.text for finding in findings):
        return False  # the passage has the figure too, only of something else
    alignment = reading.alignment
    rest = [
        credit
        for word, credit in zip(alignment.words, alignment.covered(alignment.closest[:1]), strict=True)
        if not any(finding.start < word.end and word.start < finding.end for finding in findings)
    ]
    return len(rest) >= _MIN_OTHER_WORDS and sum(rest) / len(rest) >= _MIN_SAME


def _is_of_a_sibling(claim: Claim, passage: Passage, passages: Sequence[Passage]) -> bool:
    """True where the claim's source and the passage are on two members of a series, such as two models of a product."""
    own = {label for source in passages if _cites(claim, source) for label in _labels(f"{source.context}\n{source.text}")}
    other = _labels(f"{passage.context}\n{passage.text}")
    families = {family for family, _ in own} & {family for family, _ in other}
    return bool(families) and not own & other


def _labels(text: str) -> set[tuple[str, str]]:
    return {label for _, _, labels in label_groups(text) for label in labels}

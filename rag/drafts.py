"""From a draft to claims with verdicts: markers become citations of exact words, and each claim is judged on what it cites.

It judges a claim on the passages that the draft cites for it, and only those. What becomes of the verdicts is not decided here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rag.answers import Citation, Claim, Judgement, Passage
from rag.checker.check import Checker
from rag.citations import DraftClaim, cut_out, parse_answer, settled_claims, strip_markers
from rag.confidence import answer_confidence
from rag.generators import Draft, Quote
from rag.outgoing import link_cuts, plain

# A claim, the texts that together are its evidence, and the sentence that it leans on.
Item = tuple[str, Sequence[str], str]


@dataclass(frozen=True)
class Reviewed:
    """A draft after the check: its `claims` in order, placed in `text`, which is the draft without markers.

    `scores`: what each claim is worth for the confidence; of a quote it is the probability that it answers. `is_doubtful`: the
    claims are quotes that the quoting generator would not have given by itself.
    """

    text: str
    claims: tuple[Claim, ...]
    scores: tuple[float, ...]
    is_quoted: bool
    is_doubtful: bool

    @property
    def supported(self) -> list[Claim]:
        """The claims that the check supports."""
        return [claim for claim in self.claims if claim.verdict == "supported"]

    @property
    def failed(self) -> list[Claim]:
        """The claims that it does not; a doubtful quote was never said, so it cannot fail."""
        return [] if self.is_doubtful else [claim for claim in self.claims if claim.verdict != "supported"]

    @property
    def confidence(self) -> float:
        """Confidence in the supported claims, in [0, 1]."""
        pairs = zip(self.claims, self.scores, strict=True)
        return answer_confidence([score for claim, score in pairs if claim.verdict == "supported"], is_quoted=self.is_quoted)


Places = Mapping[str, Sequence[Passage]]


class Desk:
    """The check of one answer. What it judged once it does not judge again, so a claim that was streamed keeps its verdict.

    `passages` are those retrieved and those that the generator found besides.
    """

    def __init__(self, checker: Checker, passages: Sequence[Passage], *, is_checking: bool = True) -> None:
        """Take what was retrieved; with `is_checking` false nothing is judged and every claim is called unchecked."""
        self.checker = checker
        self.passages = passages
        self._is_checking = is_checking
        self._known: dict[tuple[str, tuple[str, ...], str], Judgement] = {}

    def review(self, draft: Draft) -> Reviewed:
        """Take a draft apart and judge its claims.

        Raises: CheckerError when the check cannot run.
        """
        self._take_found(draft)
        quotes = draft.quotes or draft.doubtful
        if quotes:
            claims = tuple(self._quoted(quotes))
            return Reviewed(draft.text, claims, tuple(quote.score for quote in quotes), True, bool(draft.doubtful))
        draft = replace(draft, text=plain(draft.text))
        places = self._places(draft)
        text, found = _stripped(draft.text, parse_answer(draft.text, places, strict_markers=True), places)
        claims = tuple(self._judged(found, places))
        return Reviewed(text, claims, tuple(claim.score for claim in claims), False, False)

    def settled(self, draft: Draft, after: int) -> list[Claim]:
        """Judge those claims of a draft still being written that nothing to come can change, but for the first `after`."""
        draft = replace(draft, text=plain(draft.text))
        places = self._places(draft)
        claims = settled_claims(draft.text, places, strict_markers=True)
        return self._judged(_stripped(draft.text, claims, places)[1][after:], places) if len(claims) > after else []

    def ended(self, draft: Draft) -> Draft:
        """The draft without what was not settled when it broke off."""
        text, places = plain(draft.text), self._places(draft)
        n_settled = len(settled_claims(text, places, strict_markers=True))
        claims = parse_answer(text, places, strict_markers=True)
        return replace(draft, text=(text[: claims[n_settled].start] if n_settled < len(claims) else text) if n_settled else "")

    def resolve(self, draft: Draft, markers: Sequence[str]) -> tuple[list[Passage], list[str]]:
        """What markers of a draft name, each once, and those that name nothing."""
        self._take_found(draft)
        places = self._places(draft)
        named = {marker: places.get(marker, ()) for marker in markers}
        cited = {(p.chunk, p.start, p.end): p for passages in named.values() for p in passages}
        return list(cited.values()), [marker for marker, passages in named.items() if not passages]

    def judged_on(self, values: Sequence[tuple[Claim, str]], cited: Sequence[Passage]) -> list[Claim]:
        """Judge claims, each by the statement that it makes, on the passages that are cited for all of them."""
        items = [(said, evidence_of(cited), claim.context) for claim, said in values]
        judgements = self.judge_all(items) if self._is_checking else [UNCHECKED] * len(values)
        return [
            claim.judged(judgement, _cite(cited, judgement)) for (claim, _), judgement in zip(values, judgements, strict=True)
        ]

    def judge_all(self, items: Sequence[Item]) -> list[Judgement]:
        """Judge (claim, evidence, context), all that is new in one call of the checker."""
        keys = [(claim, tuple(evidence), context) for claim, evidence, context in items]
        new = [key for key in dict.fromkeys(keys) if key not in self._known]
        self._known.update(zip(new, self.checker.judge_all(new), strict=True))
        return [self._known[key] for key in keys]

    def _take_found(self, draft: Draft) -> None:
        known = {passage.chunk for passage in self.passages}
        self.passages = (*self.passages, *(passage for passage in draft.found if passage.chunk not in known))

    def _places(self, draft: Draft) -> Places:
        """What the markers of a draft name: passages by their number, unless the draft says otherwise."""
        if draft.places is not None:
            return draft.places
        return {str(number): (passage,) for number, passage in enumerate(self.passages, start=1)}

    def _quoted(self, quotes: Sequence[Quote]) -> list[Claim]:
        """A quote is its own claim; it is judged against the words that it cites like any other."""
        claims = []
        for quote in quotes:
            passage = self.passages[quote.passage]
            text = passage.text[quote.start : quote.end]
            judgement = self.judge_all([(text, [text], "")])[0] if self._is_checking else UNCHECKED
            cited = (citation(passage, quote.start, quote.end, judgement.score),)
            claims.append(Claim(text, 0, len(text), cited).judged(judgement))
        return claims

    def _judged(self, drafts: Sequence[DraftClaim], places: Places) -> list[Claim]:
        """Claims of generated text, each judged against the passages that it cites."""
        cited = [list(dict.fromkeys(p for marker in draft.markers for p in places[marker])) for draft in drafts]
        if self._is_checking:
            items = [(draft.text, evidence_of(sources), draft.context) for draft, sources in zip(drafts, cited, strict=True)]
            judgements = [_with_markers(*pair) for pair in zip(drafts, self.judge_all(items), strict=True)]
        else:
            judgements = [UNCHECKED] * len(drafts)
        return [
            Claim(draft.text, draft.start, draft.end, context=draft.context).judged(judgement, _cite(sources, judgement))
            for draft, sources, judgement in zip(drafts, cited, judgements, strict=True)
        ]


def _stripped(text: str, claims: Sequence[DraftClaim], places: Places) -> tuple[str, tuple[DraftClaim, ...]]:
    """The text without markers, and without addresses that the sources cited where they stand do not contain."""
    text, claims = strip_markers(text, claims, ids=places, strict_markers=True)

    def sources_at(position: int) -> list[str]:
        claim = next((claim for claim in claims if claim.start <= position < claim.end), None)
        return evidence_of([p for marker in claim.markers for p in places[marker]]) if claim else []

    while cuts := link_cuts(text, sources_at):  # taking one out may bring the parts of another together
        text, claims = cut_out(text, claims, cuts)
    return text, tuple(claims)


UNCHECKED = Judgement("not_enough", 0.0, "unchecked")


def evidence_of(passages: Sequence[Passage]) -> list[str]:
    """What a claim that cites these passages is judged on: their texts, in order, then what stands above them."""
    # Title and headings say what a passage is about: a name that stands only there is no invention.
    return [*(p.text for p in passages), *dict.fromkeys(p.context for p in passages if p.context)]


def citation(passage: Passage, start: int, end: int, score: float) -> Citation:
    """Turn a range in a passage into a range in its document."""
    quote, start, end = passage.text[start:end], passage.start + start, passage.start + end
    return Citation(passage.document, passage.page, start, end, quote, score, passage.location.within(start, end))


def best_citation(passage: Passage, judgement: Judgement) -> Citation | None:
    """The words of a passage that speak most for a claim that was judged on it alone; None if none do."""
    spans = [(score, start, end) for number, start, end, score in judgement.evidence if number == 0]
    if not spans:
        return None
    score, start, end = max(spans)
    return citation(passage, start, end, score)


def _with_markers(draft: DraftClaim, judgement: Judgement) -> Judgement:
    """A marker that names nothing, or no marker at all, outweighs whatever else the check found."""
    if draft.unresolved:
        marker = draft.unresolved[0]
        return Judgement("not_enough", 0.0, "unresolved_marker", f"[{marker}] names no passage")
    if not draft.markers:
        return Judgement("not_enough", 0.0, "uncited")
    return judgement


def _cite(sources: Sequence[Passage], judgement: Judgement) -> list[Citation]:
    """Resolve each cited passage to the words in it that speak for the claim, or to the whole passage if none do."""
    best: dict[int, list[tuple[int, int, float]]] = {}
    for number, start, end, score in judgement.evidence:
        best.setdefault(number, []).append((start, end, score))
    return [
        citation(passage, start, end, score)
        for number, passage in enumerate(sources)
        for start, end, score in best.get(number, [(0, len(passage.text), 0.0)])
    ]

"""The nouns of answering: Passage, Evidence, Citation, Claim, Verdict, Answer, Receipt, and how they read as JSON.

Positions are half-open character ranges: those of passages and citations count in the document's text, those of claims in the
answer's `text`. Nothing here searches, generates or checks.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from ingest.documents import NOWHERE, Location, Rows

Verdict = Literal["supported", "contradicted", "not_enough"]
# What becomes of claims that the check does not support: repaired and withheld, shown with a mark; or nothing is checked.
Policy = Literal["strict", "mark", "off"]
# Why a claim has its verdict: the checker's word for it, for users and programs (see `Judgement`).
Reason = Literal[
    "supported", "uncited", "unresolved_marker", "number", "date", "name", "quotation", "negation", "modality", "scope",
    "comparison", "low_support", "no_source", "unchecked", "uncheckable", "address", "incomplete",
]  # fmt: skip
# Why there is no answer.
Silence = Literal["no_evidence", "nothing_retrieved", "low_confidence", "generator_failed"]
# What was done instead of answering as usual.
Instead = Literal["fallback_quotes", "called", "generator_failed"]


@dataclass(frozen=True)
class Place:
    """Where words stand in a document."""

    document: str
    page: int | None
    start: int
    end: int


def location_json(location: Location) -> dict[str, Any] | None:
    """Where words stand, as `place` of a passage or a citation: what is known of it, None where nothing is."""
    numbers = [row.first for row in location.rows]
    known = {"label": location.label, "section": location.section, "rows": [min(numbers), max(numbers)] if numbers else []}
    return {name: value for name, value in known.items() if value} or None


def location_from(place: Mapping[str, Any] | None, start: int, end: int) -> Location:
    """Read `place` of what stands at `start:end`; of several rows it names the first and the last."""
    told = place or {}
    rows = tuple(Rows(number, start, end) for number in dict.fromkeys(told.get("rows", ())))
    return Location(told.get("label", ""), told.get("section", ""), rows)


@dataclass(frozen=True)
class Passage:
    """A chunk as retrieved for one question. `found_by` names the searches that found it; a higher score is better.

    `sha256` is of the document's file as it was when the passage was retrieved, `loaders_version` of what read it. Other
    documents have the same words at `also`. `location`: where it stands in a reader's terms; `about`: title, author, created
    and modified of its document, as far as they are known.
    """

    chunk: str
    document: str
    start: int
    end: int
    text: str
    page: int | None
    score: float
    rank: int
    context: str = ""
    language: str = "en"
    found_by: tuple[str, ...] = ()
    sha256: str = ""
    loaders_version: int = 0
    also: tuple[Place, ...] = ()
    location: Location = NOWHERE
    about: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the search contract; where others have the same words also their places, as `also`."""
        found = {
            "rank": self.rank,
            "score": round(self.score, 6),
            "document": self.document,
            "page": self.page,
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "place": location_json(self.location),
            "about": dict(self.about),
        }
        return {**found, "also": [asdict(place) for place in self.also]} if self.also else found


@dataclass(frozen=True)
class Citation:
    """A marker resolved: the words `quote` that stand at `start:end` of the document; `score` is their support in [0, 1].

    `location`: the same place in a reader's terms, such as the rows of a table.
    """

    document: str
    page: int | None
    start: int
    end: int
    quote: str
    score: float = 0.0
    location: Location = NOWHERE

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the answer contract."""
        return {
            "document": self.document,
            "page": self.page,
            "start": self.start,
            "end": self.end,
            "quote": self.quote,
            "score": round(self.score, 4),
            "place": location_json(self.location),
        }


@dataclass(frozen=True)
class Judgement:
    """What the checker says of one claim.

    `score` is the probability that the cited text supports the claim. `reason` is a short word for users and programs:
    "supported", "uncited", "unresolved_marker", "number", "date", "name", "quotation", "negation", "modality", "scope",
    "comparison", "low_support", "no_source",
    "unchecked"; of JSON also "uncheckable" (a truth value), "address" and "incomplete" (supported, but the schema lets it not
    stand without what is not).
    `unsupported_spans` count from the start of the claim's text. `evidence` names the best span of each source that speaks
    for the claim: (index of the evidence given, start, end, score) in that evidence's text.
    """

    verdict: Verdict
    score: float
    reason: Reason
    detail: str = ""
    unsupported_spans: tuple[tuple[int, int], ...] = ()
    evidence: tuple[tuple[int, int, int, float], ...] = ()


@dataclass(frozen=True)
class Claim:
    """One checkable statement. In an answer `answer.text[start:end] == text`; a withheld claim has no place there.

    `context` is the sentence without which the claim cannot be understood, or "". `suggestion`: a retrieved passage that
    supports a claim which its own citations do not; it is an offer, the verdict is on the citations as they were made.
    `contradicted_by`: where other retrieved passages say otherwise of a claim that is supported. `field`: the JSON pointer of
    the value that it is of, in an answer that is JSON.
    """

    text: str
    start: int
    end: int
    citations: tuple[Citation, ...] = ()
    verdict: Verdict = "not_enough"
    score: float = 0.0
    reason: Reason = "uncited"
    detail: str = ""
    unsupported_spans: tuple[tuple[int, int], ...] = ()
    context: str = ""
    suggestion: Citation | None = None
    contradicted_by: tuple[Citation, ...] = ()
    field: str | None = None

    def judged(self, judgement: Judgement, citations: Sequence[Citation] | None = None) -> "Claim":
        """Return the claim with a verdict, and with the citations' own scores where they are given."""
        return replace(
            self,
            verdict=judgement.verdict,
            score=judgement.score,
            reason=judgement.reason,
            detail=judgement.detail,
            unsupported_spans=judgement.unsupported_spans,
            citations=tuple(citations) if citations is not None else self.citations,
        )

    def to_json(self, *, withheld: bool = False) -> dict[str, Any]:
        """Return the fields of the answer contract; a withheld claim has no position, optional ones are left out."""
        more: dict[str, Any] = {"suggestion": self.suggestion.to_json()} if self.suggestion else {}
        if self.contradicted_by:
            more["contradicted_by"] = [citation.to_json() for citation in self.contradicted_by]
        if self.field is not None:
            more["field"] = self.field
        place = {} if withheld else {"start": self.start, "end": self.end}
        return {
            "text": self.text,
            **place,
            "verdict": self.verdict,
            "score": round(self.score, 4),
            "reason": self.reason if not self.detail else f"{self.reason}: {self.detail}",
            "citations": [citation.to_json() for citation in self.citations],
            **more,
        }


@dataclass(frozen=True)
class Call:
    """A call of a client's tool; `arguments` are JSON, an object."""

    id: str
    name: str
    arguments: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the answer object."""
        return {"id": self.id, "name": self.name, "arguments": self.arguments}


@dataclass(frozen=True)
class Answer:
    """What the user gets. `text` has no markers.

    Under the policy "strict" it holds supported claims alone, and what failed the check is in `withheld`; under "mark" it holds
    every claim of the draft, `claims` their verdicts; under "off" it is the draft, unchecked.
    `reason` is None for a plain answer, else why the product abstained ("no_evidence", "nothing_retrieved",
    "low_confidence") or what it did instead ("fallback_quotes"; "called": it wants `calls` of the client's tools to be made
    before it answers, and says nothing yet); "generator_failed" in both cases where no draft came, or not
    all of it: the receipt's `drafts` tell the problem. `confidence` in [0, 1] (`rag.confidence`) is, in an abstention, that of
    what it could have said. `draft` is what a language model wrote and `redraft` its correction, for
    whoever looks into it: never part of the answer. `repaired`: such a correction was asked for and came. `accounts`: how each
    draft came about, as far as its generator tells. `schema`: of an answer that is to be JSON to a schema, the digest of that
    and pointers to the values that it dictates, which are no claims; `text` is then that JSON, if it does not abstain.
    """

    question: str
    text: str
    abstained: bool = False
    reason: Silence | Instead | None = None
    claims: tuple[Claim, ...] = ()
    withheld: tuple[Claim, ...] = ()
    passages: tuple[Passage, ...] = ()
    receipt: Mapping[str, Any] = field(default_factory=dict)
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    language: str = "en"
    id: str | None = None
    draft: str = ""
    redraft: str = ""
    policy: Policy = "strict"
    repaired: bool = False
    confidence: float = 0.0
    accounts: tuple[Mapping[str, Any], ...] = ()
    schema: Mapping[str, Any] | None = None
    calls: tuple[Call, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the answer object, the same in the command, the HTTP API and a saved file.

        Where a schema was given `value` is the JSON of `text`, null in an abstention; `calls` is there if there are any.
        """
        value = {} if self.schema is None else {"value": None if self.abstained else json.loads(self.text)}
        return {
            "id": self.id,
            "question": self.question,
            "abstained": self.abstained,
            "reason": self.reason,
            "confidence": self.confidence,
            "text": self.text,
            **value,
            **({"calls": [call.to_json() for call in self.calls]} if self.calls else {}),
            "claims": [claim.to_json() for claim in self.claims],
            "withheld": [claim.to_json(withheld=True) for claim in self.withheld],
            "receipt": dict(self.receipt),
            "timings_ms": {name: round(value, 1) for name, value in self.timings_ms.items()},
        }

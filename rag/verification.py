"""Check an answer that was kept: whether its sources still say what it cites, and whether the checker still agrees.

It works on the store alone, that is on the documents as they were last ingested; files are not looked at. Every citation and
every claim gets one of these words, the answer that of its worst claim. The first three are good; the last two say that no
change of a source explains what was found.

    confirmed       the quote stands at its place, and the checker supports the claim on the words cited
    moved           so it is, but the words stand elsewhere now: in the document, or in the same file under another name
    marked          the answer itself says that its sources do not support the claim, as an answer under the policy "mark" may
    source_changed  the document was changed since, and the quote stands in it no longer
    source_gone     the document is no longer in the store
    unverifiable    the store and the receipt do not say enough to tell
    not_supported   the source is as it was, but the quote was never in it, or the checker does not support the claim
    altered         the answer is not as it was given out: its parts, or its digests, do not belong together

White space aside, words must be the same to count as the quote when they are looked for elsewhere; at their own place they
must be the same to the letter. The claims of an answer under the policy "off", which were never checked, are checked here for
the first time, and the words that it has besides are let pass where they state nothing. What a client's tool gave back
(`tool:NAME`) is in no store: a claim on it is unverifiable, and was checked when it was answered. A digest has no key: forgery
by somebody who renews it too shows in nothing but the sources.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ingest.documents import Chunk
from ingest.snapshot import Snapshot
from rag.answers import Judgement
from rag.checker.check import Checker
from rag.citations import parse_answer
from rag.errors import InputError
from rag.messages import is_message
from rag.receipts import answer_digest, is_same_json, receipt_id
from rag.saved import SavedAnswer, SavedChecker, SavedCitation, SavedClaim, read_saved
from rag.tracing import GOOD, CitationCheck, Sources, Status, trace, worst
from rag.values import leaves, parsed_json, pointer, statement, unescaped, written

Digest = Literal["holds", "differs", "absent"]
Basis = Literal["quotes", "headings", "passages"]


@dataclass(frozen=True)
class ClaimCheck:
    """What became of a claim. `judgement` is the one that it gets now on its quotes.

    `basis` says what the checker needs to support it now: the "quotes" alone, also the "headings" above them, or the whole
    "passages" that they were taken from; None where it does not support it.
    """

    claim: SavedClaim
    status: Status
    detail: str
    judgement: Judgement
    basis: Basis | None
    citations: tuple[CitationCheck, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the claim's part of the object that `rag verify --json` prints."""
        return {
            "text": self.claim.text,
            "status": self.status,
            "detail": self.detail,
            "verdict": self.claim.verdict,
            "verdict_now": self.judgement.verdict,
            "score_now": round(self.judgement.score, 4),
            "basis": self.basis,
            "citations": [_citation_json(check) for check in self.citations],
        }


@dataclass(frozen=True)
class Verification:
    """What became of an answer. `problems` are of the answer as a whole; `notes` say what else a reader should know."""

    answer: SavedAnswer
    status: Status
    digest: Digest
    claims: tuple[ClaimCheck, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    checker: SavedChecker

    @property
    def holds(self) -> bool:
        """True if everything that the answer claims still stands."""
        return self.status in GOOD

    def to_json(self) -> dict[str, Any]:
        """Return the object that `rag verify --json` prints."""
        then = self.answer.receipt.checker
        return {
            "id": self.answer.id,
            "status": self.status,
            "holds": self.holds,
            "receipt": self.answer.receipt.id,
            "digest": self.digest,
            "problems": list(self.problems),
            "notes": list(self.notes),
            "claims": [claim.to_json() for claim in self.claims],
            "checker": {"then": then.model_dump() if then else None, "now": self.checker.model_dump()},
        }


def verify(answer: Mapping[str, Any], snapshot: Snapshot, checker: Checker) -> Verification:
    """Verify an answer object, as `rag ask --json` or `POST /query` gave it out, against a store.

    Raises: InputError when it is no answer object; CheckerError when the check cannot run.
    """
    saved = read_saved(answer)
    now = SavedChecker(name=checker.name, version=checker.version, threshold=checker.threshold)
    try:
        digest, problems = _integrity(answer, saved)
    except RecursionError as error:
        raise InputError(
            "cannot verify an answer: it is nested too deeply. Give the object that `rag ask --json` printed."
        ) from error
    claims = tuple(_check_claims(saved, Sources(snapshot, saved.receipt), checker))
    return Verification(
        answer=saved,
        status=worst([*(status for status, _ in problems), *(claim.status for claim in claims)]),
        digest=digest,
        claims=claims,
        problems=tuple(text for _, text in problems),
        notes=tuple(_notes(saved, digest, now)),
        checker=now,
    )


def _integrity(answer: Mapping[str, Any], saved: SavedAnswer) -> tuple[Digest, list[tuple[Status, str]]]:
    """Say whether the answer is as it was given out, as far as it tells by itself."""
    receipt = saved.receipt
    problems: list[tuple[Status, str]] = []
    if receipt.id is not None and receipt.id != receipt_id(answer["receipt"]):
        problems.append(("altered", "the receipt is not as it was given out: its id does not fit it"))
    if receipt.answer_sha256 is not None and receipt.answer_sha256 != answer_digest(answer):
        problems.append(("altered", "the answer is not as it was given out: its digest is not the one in the receipt"))
    digest: Digest = "differs" if problems else "absent" if receipt.answer_sha256 is None else "holds"
    if saved.claims or not saved.abstained:
        if more := _unclaimed(saved):
            problems.append(("altered", f"the text says more than its claims: “{more}”"))
    elif digest == "absent" and not is_message("abstain", saved.text):
        problems.append(("unverifiable", "the answer abstains in other words than the product, and has no digest"))
    return digest, problems


def _unclaimed(saved: SavedAnswer) -> str:
    """The first words of the text that belong to no claim; empty if there are none."""
    if saved.receipt.schema_ is not None:
        return _unclaimed_value(saved, saved.receipt.schema_.dictated)
    if saved.receipt.policy.name == "off":
        stated = parse_answer(saved.text, ())
        spans = [(claim.start, claim.end) for claim in saved.claims]
        return next((s.text for s in stated if not any(a < s.end and s.start < b for a, b in spans)), "")
    position = 0
    for claim in sorted(saved.claims, key=lambda claim: claim.start):
        between = saved.text[position : claim.start]
        if any(map(str.isalnum, between)):
            return between.strip()
        position = max(position, claim.end)
    rest = saved.text[position:]
    return rest.strip() if any(map(str.isalnum, rest)) else ""


def _unclaimed_value(saved: SavedAnswer, dictated: Sequence[str]) -> str:
    """The first value of an answer in JSON that is no claim and not dictated by its schema; or all that is not its JSON."""
    try:
        value = parsed_json(saved.text)
    except ValueError:
        return saved.text
    text, spans = written(value)
    if text != saved.text:
        return saved.text
    if "value" in saved.model_fields_set and not is_same_json(value, saved.value):
        return json.dumps(saved.value, ensure_ascii=False)
    for place, _ in leaves(value):
        start, end = spans[place]
        claims = sorted((c.start, c.end) for c in saved.claims if start <= c.start and c.end <= end)
        said = " ".join(unescaped(text[a:b]) for a, b in claims)
        if pointer(place) not in dictated and "".join(said.split()) != "".join(unescaped(text[start:end]).split()):
            return text[start:end]
    return ""


def _notes(saved: SavedAnswer, digest: Digest, now: SavedChecker) -> list[str]:
    then = saved.receipt.checker
    notes = []
    if digest == "absent":
        notes.append("the answer has no digest, as those of earlier versions: whether it was altered shows only in its sources")
    if then is None:
        notes.append("the receipt does not name the checker that judged the answer")
    elif then != now:
        notes.append(f"judged by {_named(then)} then, by {_named(now)} now")
    if saved.reason == "called":
        notes.append("the answer claims nothing: it calls tools of the client, and comes once they have given their results")
    if saved.receipt.policy.name == "off":
        notes.append("the answer was given out unchecked (policy off); its claims are checked here for the first time")
    return notes


def _named(checker: SavedChecker) -> str:
    return f"{checker.name} {checker.version} (threshold {checker.threshold:g})"


def _check_claims(saved: SavedAnswer, sources: Sources, checker: Checker) -> list[ClaimCheck]:
    """Judge every claim anew: on its quotes first, and on more only where they are not enough."""
    traces = [tuple(trace(citation, sources) for citation in claim.citations) for claim in saved.claims]
    passages = [[sources.passage(citation) for citation in claim.citations] for claim in saved.claims]
    first = checker.judge_all([(_said(claim), [c.quote for c in claim.citations]) for claim in saved.claims])
    checks = []
    for claim, found, chunks, judgement in zip(saved.claims, traces, passages, first, strict=True):
        held = [chunk for chunk in chunks if chunk is not None]
        is_whole = len(held) == len(chunks)
        basis = _basis(claim, found, held if is_whole else [], judgement, sources, checker)
        # Words that the passages held besides the quotes may have carried the claim; without them only a contradiction is sure.
        is_sure = is_whole or not saved.receipt.passages or judgement.verdict == "contradicted"
        status, detail = _status(saved, claim, found, judgement, basis, is_sure)
        checks.append(ClaimCheck(claim, status, detail, judgement, basis, found))
    return checks


def _basis(
    claim: SavedClaim,
    traces: Sequence[CitationCheck],
    passages: Sequence[Chunk],
    judgement: Judgement,
    sources: Sources,
    checker: Checker,
) -> Basis | None:
    """What supports a claim now: the least of quotes, quotes with headings, and the passages that were cited."""
    if judgement.verdict == "supported":
        return "quotes"
    headings = dict.fromkeys(sources.headings(check.now) for check in traces if check.now)
    evidence = [*(citation.quote for citation in claim.citations), *filter(None, headings)]
    if len(evidence) > len(claim.citations) and checker.judge(_said(claim), evidence).verdict == "supported":
        return "headings"
    if not passages:
        return None
    cited = list({chunk.id: chunk for chunk in passages}.values())
    contexts = dict.fromkeys(chunk.context for chunk in cited if chunk.context)
    wider = checker.judge(_said(claim), [*(chunk.text for chunk in cited), *contexts])
    speaks = all(_speaks(citation, cited, wider) for citation in claim.citations)
    return "passages" if wider.verdict == "supported" and speaks else None


def _said(claim: SavedClaim) -> str:
    """What a claim says; of a value in JSON together with its property."""
    return claim.text if claim.field is None else statement(claim.field, unescaped(claim.text))


def _speaks(citation: SavedCitation, passages: Sequence[Chunk], judgement: Judgement) -> bool:
    """True where the quote is what the checker points at in its passage, or all of it: no bystander gets by as evidence."""
    for number, chunk in enumerate(passages):
        if (citation.document, citation.start, citation.end) == (chunk.document, chunk.start, chunk.end):
            return True
        spans = [(chunk.start + start, chunk.start + end) for place, start, end, _ in judgement.evidence if place == number]
        if citation.document == chunk.document and any(a < citation.end and citation.start < b for a, b in spans):
            return True
    return False


def _status(
    saved: SavedAnswer,
    claim: SavedClaim,
    traces: Sequence[CitationCheck],
    judgement: Judgement,
    basis: Basis | None,
    is_sure: bool,
) -> tuple[Status, str]:
    """The word for a claim, and why, in words."""
    if saved.text[claim.start : claim.end] != claim.text:
        return "altered", "the answer's text does not say this at the claim's place"
    policy = saved.receipt.policy.name
    if policy == "mark" and claim.verdict != "supported":
        return _marked(claim, traces)
    if not traces:
        return "not_supported", "it cites nothing"
    if claim.verdict != "supported" and policy != "off":
        return "not_supported", f"the answer itself calls it {claim.verdict}"
    status = worst(check.status for check in traces)
    detail = next(check.detail for check in traces if check.status == status)
    if basis is not None or status in ("not_supported", "altered"):
        return status, detail
    reason = f"{judgement.reason}: {judgement.detail}" if judgement.detail else judgement.reason
    if is_sure:
        return "not_supported", f"the checker finds it {judgement.verdict} on the words cited ({reason})"
    if status in GOOD:
        return "unverifiable", "the quotes alone do not carry it, and the passages around them are no longer in the store"
    return status, detail


def _marked(claim: SavedClaim, traces: Sequence[CitationCheck]) -> tuple[Status, str]:
    """A claim that the answer calls unsupported: nothing rests on it, but what it quotes must have been there."""
    status = worst(check.status for check in traces)
    if status in ("not_supported", "altered"):
        return status, next(check.detail for check in traces if check.status == status)
    return "marked", f"the answer itself calls it {claim.verdict}"


def _citation_json(check: CitationCheck) -> dict[str, Any]:
    cited = check.cited
    return {
        "document": cited.document,
        "page": cited.page,
        "start": cited.start,
        "end": cited.end,
        "quote": cited.quote,
        "status": check.status,
        "source": check.source,
        "detail": check.detail,
        "now": asdict(check.now) if check.now else None,
    }

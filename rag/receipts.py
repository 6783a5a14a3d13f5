"""Receipts: what is needed to check an answer again later, and the digests that tell whether it is still as it was given out.

    id                 digest of everything else in the receipt
    answer_sha256      digest of the answer object, see `answer_digest`
    created_at         when the answer was given, UTC
    generator, embedder, retriever, checker, policy    names, versions and the settings that shaped the answer
    repaired           whether the generator was asked to correct its draft, and did
    documents          SHA-256 of the file of every document that is cited, as it was retrieved; of `tool:NAME`, that of all
                       that this tool of the client gave back for the question, as text
    loaders            version of the loaders that read it: the same file read anew may give another text
    passages           ids of the passages that were retrieved
    schema             of an answer that is JSON: the digest of its schema, and pointers to what that dictates
    drafts             how each draft was written, where the generator tells: tokens of prompt, output and reasoning, what was
                       left out of the prompt, markers that name nothing, and the problem if there was no text; before them,
                       with `step`, a follow-up question as the generator rewrote it, or why that was not used

A digest has no key: it shows an answer that was changed by accident or by hand, not one by somebody who also renews the digest.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rag.answers import Answer, Citation, Claim
from rag.checker.check import Checker
from rag.generators import Generator
from rag.generators.quote import QuoteGenerator
from rag.retriever import Retriever

# `id` and `timings_ms` are not covered: neither says anything of the answer, and a batch may be numbered anew.
_COVERED = ("question", "abstained", "reason", "text", "claims", "withheld")
_ID_CHARS = 24


def make_receipt(
    answer: Answer,
    *,
    retriever: Retriever,
    generator: Generator,
    quoter: QuoteGenerator,
    checker: Checker,
    embedder_name: str,
    min_confidence: float | None,
    is_repairing: bool,
) -> dict[str, Any]:
    """Make the receipt of an answer that is complete but for it."""
    cited = {citation.document for claim in (*answer.claims, *answer.withheld) for citation in _named(claim)}
    found = {passage.document: passage for passage in answer.passages}
    rests_on = [found[name] for name in sorted(cited)]
    receipt = {
        "answer_sha256": answer_digest(answer.to_json()),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "generator": generator.name,
        # Only a generator that comes with the product can tell its version; of a model its name is all that is known.
        "generator_version": getattr(generator, "version", None),
        "embedder": embedder_name,
        "retriever": {"name": retriever.name, "version": retriever.version, **asdict(retriever.settings)},
        "checker": {"name": checker.name, "version": checker.version, "threshold": checker.threshold},
        "policy": {
            "name": answer.policy,
            "repair": is_repairing,
            "min_confidence": min_confidence,
            "max_quotes": quoter.max_quotes,
            "quote_threshold": quoter.threshold,
        },
        "repaired": answer.repaired,
        "documents": {passage.document: passage.sha256 for passage in rests_on},
        "loaders": {passage.document: passage.loaders_version for passage in rests_on},
        "passages": [passage.chunk for passage in answer.passages],
        "drafts": [dict(account) for account in answer.accounts],
    }
    if answer.schema is not None:
        receipt["schema"] = dict(answer.schema)
    return {"id": receipt_id(receipt), **receipt}


def _named(claim: Claim) -> Iterator[Citation]:
    """Every place that the answer names for a claim."""
    yield from (*claim.citations, *claim.contradicted_by)
    if claim.suggestion is not None:
        yield claim.suggestion


def answer_digest(answer: Mapping[str, Any]) -> str:
    """SHA-256, hexadecimal, over question, text, claims with verdicts and citations, calls, what was withheld, and why.

    It is the same for any JSON of the same content: order of keys, white space, escapes and `1.0` for `1` do not matter.
    """
    calls = {"calls": answer["calls"]} if "calls" in answer else {}  # most have none, and early versions knew of none
    return _digest({name: answer.get(name) for name in _COVERED} | calls)


def receipt_id(receipt: Mapping[str, Any]) -> str:
    """Derive a receipt's id from all that it says besides."""
    return _digest({name: value for name, value in receipt.items() if name != "id"})[:_ID_CHARS]


def is_same_json(one: Any, other: Any) -> bool:
    """True for the same content, as the digests see it."""
    return _digest(one) == _digest(other)


def _digest(value: Any) -> str:
    plain = json.loads(json.dumps(value), parse_float=_number)
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def _number(literal: str) -> float | int:
    """JSON has one kind of number, and programs that save an answer again may write `1` for `1.0`."""
    number = float(literal)
    return int(number) if number.is_integer() else number

"""An answer in the form of a JSON Schema: draft -> JSON -> its values as claims with verdicts -> what of the JSON may stand.

The draft names what it cites for all of its values; each is judged on that, a string sentence by sentence. JSON that does not
keep to the schema goes back to the generator once. Under the policy "strict" a value that is not supported becomes null or is
left out, alone or with what cannot stand without it; where the schema allows neither, the product abstains. Truth values cannot
be judged by words and count as unsupported. A string with an address that is in none of the words cited stands under no policy.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ingest.sentences import sentence_spans
from rag.answers import Answer, Claim, Judgement, Passage
from rag.calling import called, drafted
from rag.confidence import answer_confidence
from rag.drafts import Desk
from rag.errors import GeneratorError, SchemaError
from rag.generators import Draft, Earlier, Generator, can_fill, can_repair, with_account
from rag.outgoing import link_cuts, plain
from rag.phrases import leans_on_context
from rag.schema import AnswerSchema, Fault, fitted
from rag.values import Place, cut_down, escaped_chars, leaves, mapped, parsed_json, pointer, statement, written

if TYPE_CHECKING:
    from rag.pipeline import Steps, Work, Write

_FENCE = re.compile(r"\A\s*```(?:json)?\s*(.*?)\s*```\s*\Z", re.DOTALL)
_UNCHECKABLE = Judgement("not_enough", 0.0, "uncheckable", "truth values are not judged")
_UNCITED = Judgement("not_enough", 0.0, "uncited")
_ADDRESS = Judgement("not_enough", 0.0, "address", "it has an address that the words cited do not have")
_Settled = tuple[Answer, tuple[Claim, ...], str]
_INCOMPLETE = "what it belongs to lost a value that the schema requires"


@dataclass(frozen=True)
class _Filled:
    """JSON that keeps to the schema, and the passages that it cites."""

    value: Any
    cited: Sequence[Passage]


@dataclass(frozen=True)
class _Read:
    """What a draft holds, and what is wrong with it. Without `filled` and faults nothing was found."""

    filled: _Filled | None = None
    faults: tuple[Fault, ...] = ()


def require_writer(generator: Generator) -> None:
    """Raises: SchemaError when the generator writes no JSON."""
    if not can_fill(generator):
        raise SchemaError(
            f"cannot answer to a schema with generator `{generator.name}`: it writes no JSON. Set generator.kind (--generator) "
            "to `openai`, `llamacpp` or `gpt-oss`."
        )


def filling(work: "Work", base: Answer, schema: AnswerSchema, write: "Write") -> "Steps[_Settled]":
    """Have JSON written and checked; gives the answer so far, the claims that stand in its JSON, and that.

    Raises: GeneratorError, CheckerError; GeneratorUnavailable if `write` does.
    """
    base, draft, _ = yield from drafted(work, base, write)
    if draft.calls:
        return called(base, draft), (), ""
    base = replace(base, draft=plain(draft.text), accounts=with_account(base.accounts, draft))
    if draft.failure:
        return replace(base, reason="generator_failed"), (), ""
    read = _read(draft, work.desk, schema)
    if read.faults and work.engine.repair and can_repair(work.engine.generator):
        yield "status", "repair"
        base, read = _repaired(work, base, draft, read, schema)
    if read.filled is None:
        return (_unformed(base, read.faults[0]) if read.faults else base), (), ""
    yield "status", "check"
    with work.clock.lap("check"):
        claims, refused = _claims(work.desk, read.filled, schema)
        base, shown, text = _settled(base, read.filled.value, claims, refused, schema)
    yield from (("claim", claim) for claim in shown)
    return replace(base, passages=tuple(work.desk.passages)), shown, text


def _repaired(work: "Work", base: Answer, first: Draft, read: _Read, schema: AnswerSchema) -> tuple[Answer, _Read]:
    """Have the JSON written once more, with what is wrong with it; the first stays where the second is no better."""
    earlier = Earlier(first.text, faults=tuple(fault.complaint for fault in read.faults))
    try:
        with work.clock.lap("repair"):
            second = work.engine.generator.generate(replace(work.request, earlier=earlier, offer=None))
    except GeneratorError:
        return base, read
    base = replace(base, redraft=plain(second.text), repaired=True, accounts=with_account(base.accounts, second))
    again = _read(second, work.desk, schema)
    return base, read if again.filled is None and read.filled is not None else again


def _unformed(base: Answer, fault: Fault) -> Answer:
    """The answer where no usable JSON came; of what was written nothing is told, as nothing of it was checked."""
    accounts = base.accounts or ({},)
    problem = accounts[-1].get("problem") or f"its JSON does not keep to the schema: {fault.rule}"
    return replace(base, reason="generator_failed", accounts=(*accounts[:-1], {**accounts[-1], "problem": problem}))


def _read(draft: Draft, desk: Desk, schema: AnswerSchema) -> _Read:
    fenced = _FENCE.match(draft.text)
    try:
        # Names are held against the schema.
        value = mapped(parsed_json(fenced[1] if fenced else draft.text), plain)
    except ValueError as error:
        return _Read(faults=(Fault(f"it is not JSON: {error}", "it is not JSON"),))
    if not isinstance(value, dict) or "answer" not in value or not isinstance(value.get("citations"), list):
        return _Read(faults=(Fault('it is not of the form {"answer": ..., "citations": [...]}', "it is not in that form"),))
    if value["answer"] is None:
        return _Read()
    if faults := schema.faults(value["answer"]):
        return _Read(faults=tuple(faults))
    markers = [str(marker).strip("[]【】 ") for marker in value["citations"] if isinstance(marker, str | int)]
    cited, unresolved = desk.resolve(draft, markers)
    faults = [Fault(f'in "citations": `{marker[:40]}` names nothing', "") for marker in unresolved]
    faults += [] if cited else [Fault('"citations" is empty: name what the values come from', "")]
    return _Read(_Filled(value["answer"], cited), tuple(faults))


def _claims(desk: Desk, filled: _Filled, schema: AnswerSchema) -> tuple[dict[Place, list[Claim]], set[Place]]:
    """What every value claims that the schema does not dictate, judged; and the values that may not be shown at all."""
    sources = [passage.text for passage in filled.cited]
    claims: dict[Place, list[Claim]] = {}
    asked: list[tuple[Place, int, str]] = []
    refused = set()
    for place, value in leaves(filled.value):
        if schema.dictates(place):
            continue
        found = list(_stated(pointer(place), value))
        claims[place] = [claim.judged(_UNCHECKABLE if isinstance(value, bool) else _UNCITED) for claim in found]
        if isinstance(value, str) and link_cuts(value, lambda _: sources):
            refused.add(place)
            claims[place] = [replace(claim.judged(_ADDRESS), text="…") for claim in found[:1]]
        elif filled.cited and not isinstance(value, bool):
            asked += [(place, n, statement(pointer(place), claim.text)) for n, claim in enumerate(found)]
    judged = desk.judged_on([(claims[place][n], said) for place, n, said in asked], filled.cited)
    for (place, n, _), claim in zip(asked, judged, strict=True):
        claims[place][n] = claim
    return claims, refused


def _stated(field: str, value: Any) -> "Sequence[Claim]":
    """The statements of a value, placed in it; sentences of a string are apart, lest one carry another."""
    text = value if isinstance(value, str) else json.dumps(value)
    spans = sentence_spans(text) if isinstance(value, str) else []
    spans = spans if len(spans) > 1 else [(0, len(text))]
    said = [text[start:end] for start, end in spans]
    before = ["", *said]
    return [
        Claim(words, start, end, context=before[n] if leans_on_context(words) else "", field=field)
        for n, (words, (start, end)) in enumerate(zip(said, spans, strict=True))
    ]


def _settled(base: Answer, value: Any, claims: dict[Place, list[Claim]], refused: set[Place], schema: AnswerSchema) -> _Settled:
    """Keep what may stand, where it then stands; withhold what may not, or all where the rest does not keep to the schema."""
    is_strict = base.policy == "strict"
    failed = [
        place
        for place, said in claims.items()
        if place in refused or (is_strict and any(c.verdict != "supported" for c in said))
    ]
    cuts = fitted(value, failed, schema)
    kept, origin = cut_down(value, cuts if cuts is not None else {(): "out"})
    text, spans = written(kept)
    shown: list[Claim] = []
    dictated = []
    for now, leaf in leaves(kept):
        if origin[now] in claims:
            shown += [_placed(claim, leaf, text, spans[now][0], pointer(now)) for claim in claims[origin[now]]]
        else:
            dictated.append(pointer(now))
    stands = set(origin.values())
    held = [
        replace(claim, reason="incomplete", detail=_INCOMPLETE) if claim.verdict == "supported" else claim
        for place, said in claims.items()
        if place not in stands
        for claim in said
    ]
    confidence = answer_confidence([claim.score for claim in shown if claim.verdict == "supported"], is_quoted=False)
    told = {**(base.schema or {}), "dictated": dictated}
    return replace(base, withheld=tuple(held), confidence=confidence, schema=told), tuple(shown), text


def _placed(claim: Claim, leaf: Any, text: str, position: int, field: str) -> Claim:
    """A claim where it stands in the JSON, in the letters that stand there; its value begins at `position`."""
    n_chars = escaped_chars if isinstance(leaf, str) else len
    said = leaf if isinstance(leaf, str) else claim.text
    start, end = (position + n_chars(said[:n]) for n in (claim.start, claim.end))
    return replace(claim, text=text[start:end], start=start, end=end, field=field)

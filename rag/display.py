"""Answers, passages and verdicts as a person reads them in a terminal. Text from documents never becomes markup."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from rag.answers import Answer, Citation, Claim, Passage
from rag.messages import SIGNS, message, place

if TYPE_CHECKING:
    from rag.pipeline import Event
    from rag.tracing import CitationCheck, Status
    from rag.verification import ClaimCheck, Verification

STYLES = {"supported": "green", "contradicted": "red", "not_enough": "yellow"}
_STATUS_STYLES = {"confirmed": "green", "moved": "green", "not_supported": "red", "altered": "red"}
_SHOWN_CHARS = 300
_SHOWN_COPIES = 3


def show_answer(out: Console, answer: Answer, *, with_draft: bool = False) -> None:
    """Print an answer: its text, then every claim with its verdict and citations, then what was withheld.

    `with_draft` also prints what the language model wrote before the check.
    """
    out.print(Text(f"\n{answer.question}", style="bold"))
    if with_draft and answer.draft:
        _show_drafts(out, answer)
    show_how(out, answer)
    if answer.schema is not None and not answer.abstained:
        out.print(Text(json.dumps(json.loads(answer.text), ensure_ascii=False, indent=2)))
    elif answer.policy == "mark" and not answer.abstained:
        for claim in answer.claims:
            show_marked(out, claim)
    else:
        out.print(Text(answer.text))
    show_details(out, answer)


def show_how(out: Console, answer: Answer) -> None:
    """Say so where the answer was not checked, or is not that of the language model."""
    if answer.policy == "off" and not answer.abstained:
        out.print(Text(message("unchecked", answer.language), style="bold red"))
    if answer.reason == "fallback_quotes":
        out.print(Text(message("fallback", answer.language), style="italic"))
    elif answer.reason == "generator_failed" and not answer.abstained:
        out.print(Text(message("without", answer.language), style="italic"))


def show_marked(out: Console, claim: Claim) -> None:
    """Print a claim with the sign of its verdict, which says the same without colour."""
    out.print(Text(f"{SIGNS[claim.verdict]} ", style=STYLES[claim.verdict]).append(claim.text, style="default"))


def show_events(out: Console, events: Iterable["Event"]) -> None:
    """Print claims as they come, then whatever of the answer could not be told before it was complete."""
    told: list[str] = []
    for event in events:
        if event[0] == "claim":
            show_marked(out, event[1])
            told.append(event[1].text)
        elif event[0] == "answer":
            _show_rest(out, event[1], told)


def _show_rest(out: Console, answer: Answer, told: Sequence[str]) -> None:
    show_how(out, answer)
    if answer.abstained or not told:
        out.print(Text(answer.text))
    show_details(out, answer)


def show_details(out: Console, answer: Answer) -> None:
    """Print what an answer rests on: every claim with its verdict and citations, then what was withheld."""
    for account in answer.accounts:
        if account.get("problem"):
            out.print(Text(message("no_draft", answer.language, problem=account["problem"]), style="yellow"))
        if account.get("passages_left_out"):
            n = len(account["passages_left_out"])
            out.print(Text(message("left_out", answer.language, n=n), style="dim"))
    if any(claim.verdict != "supported" for claim in answer.claims) and answer.policy == "mark":
        out.print(Text(message("marked", answer.language), style="italic"))
    for claim in answer.claims:
        _show_claim(out, claim, answer.language)
    if answer.withheld:
        out.print(Text(message("withheld", answer.language, n=len(answer.withheld)) + ":", style="italic"))
        for claim in answer.withheld:
            _show_claim(out, claim, answer.language)
    if answer.abstained and answer.passages:
        out.print(Text(message("nearest", answer.language) + ":", style="dim"))
        for passage in answer.passages[:3]:
            where = place(passage.document, passage.page, answer.language, passage.location)
            out.print(Text(f"  {where}: {shortened(passage.text, 120)}", style="dim"))


def _show_drafts(out: Console, answer: Answer) -> None:
    out.print(Text("The model wrote:", style="italic"))
    out.print(Text(f"  {answer.draft}", style="dim"))
    if answer.redraft:
        out.print(Text("Asked to correct it:", style="italic"))
        out.print(Text(f"  {answer.redraft}", style="dim"))
    out.print(Text("After the check:" if answer.policy != "off" else "Without a check:", style="italic"))


def show_passages(out: Console, passages: Sequence[Passage]) -> None:
    """Print retrieved passages, best first."""
    for passage in passages:
        where = place(passage.document, passage.page, location=passage.location)
        head = Text(f"{passage.rank:>2}. {where}", style="bold")
        head.append(f"  {passage.score:.2f}  [{passage.start}:{passage.end}]", style="dim")
        out.print(head)
        out.print(Text(f"    {shortened(passage.text)}"))
        if passage.also:
            others = ", ".join(place(each.document, each.page) for each in passage.also[:_SHOWN_COPIES])
            n_more = len(passage.also) - _SHOWN_COPIES
            out.print(Text(f"    the same words: {others}" + (f" and {n_more} more" if n_more > 0 else ""), style="dim"))
    if not passages:
        out.print("nothing found")


def show_check(out: Console, result: Mapping[str, Any]) -> None:
    """Print the verdicts of a checked answer."""
    verdict = "supported" if result["supported"] else "not supported"
    out.print(Text(f"{verdict} ({result['score']:.2f})", style="bold"))
    for claim in result["claims"]:
        line = Text(f"  [{claim['verdict']}]", style=STYLES[claim["verdict"]])
        line.append(f" {shortened(claim['text'])} ({claim['score']:.2f})", style="default")
        out.print(line)
        for citation in claim["citations"]:
            out.print(Text(f"      {citation['source']}: “{shortened(citation['quote'])}”", style="dim"))


def show_verification(out: Console, result: "Verification") -> None:
    """Print what became of an answer, and of each of its claims and citations."""
    out.print(_word(result.status).append(f" {result.answer.question or result.answer.id or ''}", style="bold"))
    for problem in result.problems:
        out.print(Text(f"  {problem}", style="red"))
    for claim in result.claims:
        _show_claim_check(out, claim)
    if not result.claims:
        out.print(Text("  nothing is claimed", style="dim"))
    for note in result.notes:
        out.print(Text(f"  {note}", style="dim"))


def _show_claim_check(out: Console, check: "ClaimCheck") -> None:
    out.print(Text("  ").append(_word(check.status)).append(f" {shortened(check.claim.text)}", style="default"))
    if check.detail:
        out.print(Text(f"      {check.detail}"))
    if check.basis == "passages":
        out.print(Text("      carried by the whole passage, not by the quote alone", style="dim"))
    for citation in check.citations:
        _show_citation_check(out, citation)


def _show_citation_check(out: Console, check: "CitationCheck") -> None:
    cited, now = check.cited, check.now
    line = f"      {place(cited.document, cited.page)} [{cited.start}:{cited.end}]: document {check.source}"
    if now is None:
        line += f"; not found: “{shortened(cited.quote)}”"
    elif (now.document, now.start, now.end) != (cited.document, cited.start, cited.end):
        line += f"; the words now stand in {place(now.document, now.page)} [{now.start}:{now.end}]"
    out.print(Text(line, style="dim"))


def _word(status: "Status") -> Text:
    return Text(f"[{status}]", style=_STATUS_STYLES.get(status, "yellow"))


def _show_claim(out: Console, claim: Claim, language: str) -> None:
    line = Text(f"  [{claim.verdict}]", style=STYLES[claim.verdict])
    line.append(f" {claim.field}:" if claim.field else "", style="dim")
    line.append(f" {shortened(claim.text)}", style="default")
    if claim.verdict != "supported":
        line.append(f"  ({claim.reason}{': ' + claim.detail if claim.detail else ''})", style="dim")
    out.print(line)
    for citation in claim.citations:
        _show_citation(out, citation, language)
    if claim.suggestion is not None:
        _show_citation(out, claim.suggestion, language, f"({message('suggestion', language)})")
    if claim.contradicted_by:
        out.print(Text(f"      {message('contradicted_by', language)}:", style="red"))
        for citation in claim.contradicted_by:
            _show_citation(out, citation, language)


def _show_citation(out: Console, citation: Citation, language: str, remark: str = "") -> None:
    where = place(citation.document, citation.page, language, citation.location)
    out.print(Text(f"      {where}: “{shortened(citation.quote)}” {remark}".rstrip(), style="dim"))


def shortened(text: str, limit: int = _SHOWN_CHARS) -> str:
    """The text on one line, cut off at `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"

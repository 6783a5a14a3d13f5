"""A follow-up question, rewritten by the language model so that it can be searched for and quoted to by itself.

A rewriting is never trusted. Earlier turns may hold anything, so it must be one short line made of words of the conversation
that keeps the question's figures; the user's own words are searched for beside it and stay what the draft is to answer. Where
it fails, `rag.questions` joins the question with the ones before it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.analysis import content_terms
from rag.errors import GeneratorUnavailable
from rag.generators import Draft, Generator, Request, can_rewrite
from rag.outgoing import plain
from rag.questions import search_text, standalone

# A longer question hardly leans on others, and a longer rewriting is none.
_MAX_CHARS = 400
_WORD = re.compile(r"\w+")
_NAME = re.compile(r"(?<=[^.?!¿¡\s]\s)([A-ZÀ-ÖØ-Þ]\w+)")
_TOKENS = ("prompt_tokens", "output_tokens", "reasoning_tokens")


@dataclass(frozen=True)
class Asked:
    """A question in the forms that are needed of it.

    `searched`: what to search for; `quoted_to`: what to quote an answer to. `rewritten`: as the language model has it, empty
    where that is not used. `accounts`: how that came about, for the receipt; empty if the model was not asked.
    """

    searched: str
    quoted_to: str
    rewritten: str = ""
    accounts: tuple[Mapping[str, Any], ...] = ()


def leads_on(question: str, turns: Sequence[tuple[str, str]], generator: Generator) -> bool:
    """True where the question follows others and the generator can rewrite it."""
    return can_rewrite(generator) and len(question) <= _MAX_CHARS and any(role == "user" for role, _ in turns)


def as_it_is(question: str, turns: Sequence[tuple[str, str]], language: str) -> Asked:
    """Join the question with what was asked before, without a language model."""
    return Asked(search_text(question, turns), standalone(question, turns, language))


def rewritten(question: str, turns: Sequence[tuple[str, str]], language: str, generator: Generator) -> Asked:
    """Have the question rewritten; where no use can be made of what comes, it is as `as_it_is` says.

    Raises: GeneratorError when the generator cannot be used as it is configured.
    """
    joined = as_it_is(question, turns, language)
    try:
        draft = generator.generate(Request(question, (), language, tuple(turns), is_rewrite=True))
    except GeneratorUnavailable as error:
        return Asked(joined.searched, joined.quoted_to, accounts=(_account(Draft(), "", str(error)),))
    text = plain(draft.text).strip().strip("\"'“”«»").strip()
    fault = draft.failure or _fault(text, question, turns, language)
    if fault:
        return Asked(joined.searched, joined.quoted_to, accounts=(_account(draft, "", fault),))
    return Asked(f"{text} {question}", text, text, (_account(draft, text, ""),))


def _fault(text: str, question: str, turns: Sequence[tuple[str, str]], language: str) -> str:
    """Why a rewriting cannot be used; empty if it can. Reasoning in its place is told by its words: nobody said them."""
    found, own = content_terms(text, language), content_terms(question, language)
    if not found:
        return "it holds no word to search for"
    if len(text) > _MAX_CHARS or len(text.splitlines()) > 1:
        return f"it is more than one line of {_MAX_CHARS} characters"
    said = own.union(*(content_terms(turn, language) for _, turn in turns))
    if len(found & said) * 2 < len(found):
        return "most of its words were not said in the conversation"
    if any(any(map(str.isdigit, term)) for term in own - found):
        return "it lost a figure of the question"
    if any(any(map(str.isdigit, term)) for term in found - said):
        return "it has a figure that nobody said"
    if language != "de" and not _names(text) <= _words(" ".join([question, *(turn for _, turn in turns)])):
        return "it has a name that nobody said"
    return "" if found - own else "it adds nothing to the question"


def _names(text: str) -> set[str]:
    """Words with a capital that do not begin a sentence; in German that would be every noun."""
    return {match[1].casefold() for match in _NAME.finditer(text)}


def _words(text: str) -> set[str]:
    return {match[0].casefold() for match in _WORD.finditer(text)}


def _account(draft: Draft, text: str, fault: str) -> dict[str, Any]:
    tokens = {name: draft.account[name] for name in _TOKENS if name in draft.account}
    return {"step": "rewrite", **tokens, "rewritten": text or None, "unused_because": fault or None}

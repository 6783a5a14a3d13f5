"""Grade an answer: right, wrong or abstained. Definitions: README of the benchmark folder, section 4.

A question is a line of a questions file: {"question", "lang"?, "answerable", "answers", "gold", "about"?}. Right means that the
wanted words are there, or the wanted place is cited; whether the rest of the answer is true is not looked at.
"""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ingest.analysis import detect_language
from rag.answers import Answer

Outcome = Literal["right", "wrong", "abstained"]

_ARTICLES = {
    "en": "a an the",
    "es": "un una unos unas el la los las",
    "de": "ein eine einen einem eines einer der die das den dem des",
}
_MAX_SHORT_WORDS = 12  # a longer answer is not found again word for word in a right one


def normal(text: str, language: str) -> list[str]:
    """Tokens of a text without case, punctuation and articles.

    Source: Rajpurkar et al. 2016, SQuAD; articles of Spanish and German: Lewis et al. 2020, MLQA.
    """
    plain = "".join(" " if c in string.punctuation + "«»“”‘’¿¡–—" else c for c in text.casefold())
    articles = set(_ARTICLES.get(language, "").split())
    return [token for token in plain.split() if token not in articles]


def is_contained(answers: Sequence[str], text: str, language: str) -> bool:
    """True where a reference answer occurs as a token sequence, or is one bare number that the text has within 0.5 %."""
    padded = f" {' '.join(normal(text, language))} "
    if any(f" {' '.join(normal(answer, language))} " in padded for answer in answers if normal(answer, language)):
        return True
    numbers = [float(found.replace(",", "")) for found in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text)]
    bare = [float(answer) for answer in answers if re.fullmatch(r"\d+(?:\.\d+)?", answer.strip())]
    return any(abs(number - wanted) <= 0.005 * abs(wanted) for wanted in bare for number in numbers)


def is_exact(answers: Sequence[str], text: str, language: str) -> bool:
    """True where a reference answer is the whole text, after normalisation."""
    tokens = normal(text, language)
    return any(normal(answer, language) == tokens for answer in answers)


def token_f1(answers: Sequence[str], text: str, language: str) -> float:
    """The best token F1 between the text and a reference answer. Source: Rajpurkar et al. 2016, SQuAD."""
    return max((_f1(normal(answer, language), normal(text, language)) for answer in answers), default=0.0)


def _f1(wanted: Sequence[str], given: Sequence[str]) -> float:
    if not wanted or not given:
        return float(list(wanted) == list(given))
    shared = (Counter(wanted) & Counter(given)).total()
    return 2 * shared / (len(wanted) + len(given))


def shares_half(document: str, start: int, end: int, gold: Mapping[str, Any]) -> bool:
    """True where `start:end` of the document and the span of a gold item have half of the shorter one in common."""
    shared = min(end, gold["end"]) - max(start, gold["start"])
    return bool(document == gold["document"] and shared > 0 and 2 * shared >= min(end - start, gold["end"] - gold["start"]))


def is_gradable(question: Mapping[str, Any]) -> bool:
    """False for an answerable question that has neither a short answer nor a gold span, and for one that wants asking back."""
    if question.get("underspecified"):
        return False
    return not question["answerable"] or bool(_short_answers(question) or _gold_spans(question))


def grade(question: Mapping[str, Any], answer: Answer) -> Outcome:
    """Grade the answer to a gradable question.

    Short answers must occur in the text; where all are longer than 12 words, a citation must share half of the shorter span
    with a gold span. Any answer to an unanswerable question is wrong.
    """
    if answer.abstained:
        return "abstained"
    if not question["answerable"]:
        return "wrong"
    if short := _short_answers(question):
        is_right = is_contained(short, answer.text, language_of(question))
    else:
        citations = [citation for claim in answer.claims for citation in claim.citations]
        is_right = any(shares_half(c.document, c.start, c.end, gold) for c in citations for gold in _gold_spans(question))
    return "right" if is_right else "wrong"


def language_of(question: Mapping[str, Any]) -> str:
    """The language of a question, detected where its line does not name it."""
    return str(question.get("lang") or detect_language(question["question"]))


def document_of(question: Mapping[str, Any]) -> str:
    """The document for which a question was asked, where it is known, else the question's own id: its cluster."""
    places = [question["about"]] if question.get("about") else question.get("gold") or [{}]
    return str(places[0].get("document") or question.get("id"))


def _short_answers(question: Mapping[str, Any]) -> list[str]:
    return [answer for answer in question["answers"] if len(answer.split()) <= _MAX_SHORT_WORDS]


def _gold_spans(question: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [gold for gold in question["gold"] if gold.get("start") is not None and gold.get("end") is not None]

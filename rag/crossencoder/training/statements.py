"""A question with an answer, said as a statement: what a true or false claim in other words than the source's looks like.

Rules for English and Spanish questions; what they do not know, and every German question, becomes "question answer.". The
result need not be good style: the network learns from it that the same thing can be said with other words in another order.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

_AUX = "did|does|do"
_BE = "is|was|are|were|has|have|had|can|could|will|would|should|may|might|must"
_WH = (
    r"(?:(?P<prep>in|on|at|by|from|for|to|of|with|under|during|since|after|before|through|into) )?"
    r"(?:who|whom|what|which|how many|how much|when|where|why|how)"
)
_ENGLISH = re.compile(rf"^{_WH}\b(?P<rest>.*?)\??$", re.IGNORECASE)
_ASKED_FOR = re.compile(
    rf"^(?P<noun>(?:\s+(?!(?:{_AUX}|{_BE})\b)[\w'-]+){{0,4}}?)\s+(?P<aux>{_AUX}|{_BE})\s+(?P<tail>.+)$", re.I
)
_SUBJECT = re.compile(r"^(?P<tail>\s+.+)$")
_PARTICIPLE = re.compile(r"\b(?:\w+(?:ed|en)|known|born|made|built|held|found|set|won|lost|led|done|sold|told|put|sent|kept)\b")
_PLACES = {"when": "in ", "where": "in ", "why": "because of ", "how": "by "}
_HAS_PREPOSITION = re.compile(
    r"^(?:in|on|at|by|from|for|to|since|after|before|during|between|because|through|as|until|around|about|under|over|when|if|en|"
    r"a|al|de|del|por|para|desde|hasta|entre|tras|durante|con|sobre|porque|cuando|si)\b",
    re.IGNORECASE,
)
_SPANISH = re.compile(
    r"^¿?(?:(?P<prep>en|a|de|por|para|con|desde|hasta|sobre|entre|hacia) )?"
    r"(?P<wh>quién(?:es)?|qué|cuál(?:es)?|cuándo|dónde|cómo|cuánt[oa]s?|por qué)\b(?P<rest>.*?)\??$",
    re.IGNORECASE,
)
_SPANISH_PLACES = {"cuándo": "en ", "dónde": "en ", "por qué": "por "}
_SER = re.compile(r"^\s+(?P<be>es|era|fue|son|eran|fueron)\s+(?P<tail>.+)$", re.IGNORECASE)

_NOT_NOUNS = frozenset("se me te nos le les lo la los las no es era fue son eran fueron ocurre ocurrió sucede pasó hay".split())


@dataclass(frozen=True)
class Statement:
    """A statement, and where in it the answer stands."""

    text: str
    start: int
    end: int


def statement(question: str, answer: str, language: str, rng: random.Random) -> Statement:
    """Say a question with its answer as a statement; now and then as the question followed by the answer."""
    question = " ".join(question.split())
    answer = answer.strip().rstrip(".")
    rule: Callable[[str, str], tuple[str, str, str] | None] = {"en": _english, "es": _spanish}.get(language, _no_rule)
    parts = None if rng.random() < 0.2 else rule(question, answer)
    before, said, after = parts or (f"{question} ", answer, "")
    before = before[:1].upper() + before[1:]
    said = said[:1].upper() + said[1:] if not before else said
    return Statement(f"{before}{said}{after}.", len(before), len(before) + len(said))


def _no_rule(question: str, answer: str) -> tuple[str, str, str] | None:
    return None


def _english(question: str, answer: str) -> tuple[str, str, str] | None:
    found = _ENGLISH.match(question)
    if found is None:
        return None
    word = re.sub(r"^\w+ (?=who|what|which|how|when|where)", "", question.casefold()).split()[0]
    preposition = (
        f"{found['prep'].lower()} " if found["prep"] else "" if _HAS_PREPOSITION.match(answer) else _PLACES.get(word, "")
    )
    asked = _ASKED_FOR.match(found["rest"])
    if asked is None:
        subject = _SUBJECT.match(found["rest"])
        return ("", answer, subject["tail"]) if subject and word in ("who", "what", "which", "how") else None
    auxiliary, tail = asked["aux"].lower(), asked["tail"]
    noun = asked["noun"].strip()
    if auxiliary in _AUX.split("|"):
        return f"{tail} {preposition}", answer, f" {noun}" if word == "how" and noun not in answer else ""
    if word in ("who", "what", "which") and not preposition:
        return "", answer, f" {auxiliary} {tail}"
    if word == "how" and noun:
        return "", answer, f"{'' if noun in answer else ' ' + noun} {auxiliary} {tail}"
    participle = list(_PARTICIPLE.finditer(tail))
    if participle:
        at = participle[-1].start()
        return f"{tail[:at]}{auxiliary} {tail[at:]} {preposition}", answer, ""
    return f"{tail} {auxiliary} {preposition}", answer, ""


def _spanish(question: str, answer: str) -> tuple[str, str, str] | None:
    found = _SPANISH.match(question)
    if found is None:
        return None
    word, rest = found["wh"].casefold(), found["rest"]
    preposition = f"{found['prep'].lower()} " if found["prep"] else ""
    if word == "por qué" or (word == "qué" and preposition == "por "):
        return f"{rest.strip()} ", f"porque {answer}", ""
    if not preposition and not _HAS_PREPOSITION.match(answer):
        preposition = _SPANISH_PLACES.get(word, "")
    be = _SER.match(rest)
    if be and word in ("quién", "quiénes", "qué", "cuál", "cuáles") and not preposition:
        return f"{be['tail']} {be['be']} ", answer, ""
    if word.startswith("quién") and not preposition:
        return "", answer, rest
    if word.startswith("cuánt") and not preposition:
        noun, _, tail = rest.strip().partition(" ")
        return "", answer if noun in answer else f"{answer} {noun}", f" {tail}"
    if word in ("cuándo", "dónde", "cómo"):
        return f"{rest.strip()} {preposition}", answer, ""
    # "¿Qué tribu gobernó ...?": what is asked for is a noun, and the answer takes its place.
    noun, _, tail = rest.strip().partition(" ")
    is_noun = tail and word in ("qué", "cuál", "cuáles") and noun.casefold() not in _NOT_NOUNS
    return (preposition, answer, f" {tail}") if is_noun else None

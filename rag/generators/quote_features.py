"""What speaks for and against a sentence as the answer to a question, in figures that mean the same in every language.

Coverage is counted in stems and weighed by rarity among the retrieved passages; meaning comes in only through the cosine of
the embeddings, where the embedder knows the language. A paraphrase in a language it does not know scores low.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, log1p

from ingest.analysis import fold, terms
from rag.answers import Passage
from rag.checker.binding import label_groups
from rag.checker.wording import OPPOSITES
from rag.generators.quote_kinds import KINDS, asked_kind, kinds_in, lacks_figure
from rag.generators.quote_reading import Reading, Unit, read_passage
from rag.phrases import leans_on_context

_PREFIX_CREDIT = 0.6
# The words of a FAQ question, of a header row or of a lead-in count for the line below nearly as its own.
_FRAME_CREDIT = 0.8
_FIRST_ANSWER_CREDIT = 0.95
_LATER_ANSWER_CREDIT = 0.6
_SMOOTHING = 4  # terms; keeps a two-word label from looking like a perfect match
_NEAR = 4  # terms between which two words of the question count as neighbours
# Words that say what sort of answer is wanted; the sentence that answers seldom has them.
_ASKING = frozenset(
    """many much often long year date time number name type kind sort term word example percentage amount called known used
    does mean happen describe tell give list please exactly person people thing way
    ano fecha tiempo numero nombre tipo clase termino palabra ejemplo porcentaje cantidad llama llamaba significa persona
    cosa forma manera dime explica
    jahr datum zeit zahl anzahl namen art wort beispiel prozent viel viele heisst bedeutet person""".split()
)
_ASKING_WEIGHT = 0.35
_NEGATIONS = frozenset(
    """not no never n't cannot without neither nor none nobody nothing nunca jamas sin ningun ninguna ninguno tampoco nadie nada
    ni nicht kein keine keinen keiner nie ohne ne pas aucun aucune sans""".split()
)
_WORD = re.compile(r"[^\W_]+(?:[-–'’./][^\W_]+)*")
_FIGURE = re.compile(r"\d")
_MIN_PART_NUMBER = 5  # characters; "S4" tells a model from its siblings but stands in every line about it
_MEMBER = re.compile(r"[a-z]\d{1,3}")  # one of a series, folded: the "B2" of "Delfa B2"


@dataclass(frozen=True)
class Candidate:
    """A unit that may be quoted: `unit` of `passages[passage]`, with the terms of that passage."""

    passage: int
    unit: Unit
    reading: Reading
    context: str
    language: str
    document: frozenset[str]  # terms of all passages retrieved from its document: the scope may be stated in another one


class Asked:
    """A question beside the passages retrieved for it: its terms, their weights, and what kind of answer it expects."""

    def __init__(self, question: str, language: str, candidates: Sequence[Candidate]) -> None:
        """Weigh the question's terms by their rarity among the candidates."""
        self.text = question
        self.kind = asked_kind(question)
        self.language = language
        self._keys: dict[str, tuple[str, ...]] = {}
        self.words = tuple(dict.fromkeys(terms(question, language)))
        self.opposites = [(fold(w), OPPOSITES[fold(w)]) for w in _WORD.findall(question) if fold(w) in OPPOSITES]
        self.is_negated = bool(_NEGATIONS & set(re.findall(r"[^\W_]+|n't", fold(question))))
        counts = Counter(term for candidate in candidates for term in {*candidate.unit.terms, *candidate.unit.above})
        n = len(candidates)
        self.weights = [self._weight(term, keys, counts, n) for term, keys in zip(self.words, self._forms(), strict=True)]
        self.total = sum(self.weights) or 1.0
        self.is_figure = [bool(_FIGURE.search(term)) for term in self.words]
        names = {term for word in _names(question) for term in terms(word, language)}
        self.is_name = [term in names and not figure for term, figure in zip(self.words, self.is_figure, strict=True)]
        self.rivals = _series(question)
        self.members = {member for _, _, labels in label_groups(question) for _, member in labels if _MEMBER.fullmatch(member)}

    def keys(self, language: str) -> tuple[str, ...]:
        """The question's terms as a passage in `language` would have them."""
        if language not in self._keys:
            if language == self.language:
                self._keys[language] = self.words
            else:
                self._keys[language] = tuple((terms(word, language) or [word])[0] for word in self.words)
        return self._keys[language]

    def _forms(self) -> list[str]:
        asking = {term for word in _ASKING for term in terms(word, self.language)}
        return ["asking" if word in asking else "" for word in self.words]

    def _weight(self, term: str, form: str, counts: Mapping[str, int], n: int) -> float:
        rarity = log(1 + (n - min(counts[term], n) + 0.5) / (counts[term] + 0.5)) if n else 1.0
        return max(rarity, 0.1) * (_ASKING_WEIGHT if form else 1.0)


def find_candidates(passages: Sequence[Passage]) -> list[Candidate]:
    """Everything in the passages that could be quoted."""
    readings = [read_passage(passage.text, passage.context, passage.language) for passage in passages]
    bags: dict[str, frozenset[str]] = {}
    for passage, reading in zip(passages, readings, strict=True):
        bags[passage.document] = bags.get(passage.document, frozenset()) | reading.bag | reading.context
    return [
        Candidate(number, unit, reading, passage.context, passage.language, bags[passage.document])
        for number, (passage, reading) in enumerate(zip(passages, readings, strict=True))
        for unit in reading.units
    ]


def credits(keys: Sequence[str], *bags: frozenset[str]) -> list[float]:
    """For each term, 1 where one of the bags has it, part of it where one has a longer or shorter form, else 0."""
    found = []
    for key in keys:
        if any(key in bag for bag in bags):
            found.append(1.0)
        elif len(key) >= 5 and key.isalpha():
            head = key[: max(4, min(6, len(key) - 2))]
            found.append(_PREFIX_CREDIT if any(term.startswith(head) for bag in bags for term in bag) else 0.0)
        else:
            found.append(0.0)
    return found


def lexical_score(asked: Asked, candidate: Candidate) -> float:
    """Rough merit by words alone, to choose the candidates that are worth an embedding."""
    unit, keys = candidate.unit, asked.keys(candidate.language)
    own, above = frozenset(unit.terms), unit.above | unit.asked | candidate.reading.context
    return (
        sum(
            weight * (1.0 if key in own else 0.5 if key in above else 0.2 if key in candidate.reading.bag else 0.0)
            for key, weight in zip(keys, asked.weights, strict=True)
        )
        / asked.total
    )


def features(asked: Asked, candidate: Candidate, rank: int, cosine: float | None) -> dict[str, float]:
    """What the regression weighs for one candidate; `cosine` None: the embedder does not know the language."""
    unit, reading = candidate.unit, candidate.reading
    keys, weights = asked.keys(candidate.language), asked.weights
    own = frozenset(unit.terms)
    above = unit.above | unit.asked | reading.context
    in_own = _own_credits(keys, unit)
    in_above = _best(in_own, credits(keys, above))
    in_window = _best(in_own, credits(keys, unit.before, unit.after))
    in_passage = _best(in_above, credits(keys, reading.bag))
    missing = [weight for weight, credit in zip(weights, in_passage, strict=True) if credit < 0.5]
    gaps = [weight for weight, a, b in zip(weights, in_above, in_window, strict=True) if max(a, b) < 0.5]
    fresh = own.difference(keys)
    heaviest = max(range(len(keys)), key=lambda i: weights[i]) if keys else -1
    return {
        "own": _share(in_own, weights),
        "own_plain": sum(in_own) / len(keys) if keys else 0.0,
        "own_whole": float(bool(keys) and min(in_own) >= 0.5),
        "above": _share(in_above, weights),
        "window": _share(in_window, weights),
        "passage": _share(in_passage, weights),
        "passage_whole": float(not missing),
        "gap": max(gaps, default=0.0) / max(weights, default=1.0),
        "gaps": log1p(len(gaps)),
        "heaviest": in_own[heaviest] if keys else 0.0,
        "missing": max(missing, default=0.0) / max(weights, default=1.0),
        "pairs": _pairs(keys, unit.terms),
        "density": sum(in_own) / (_SMOOTHING + len(own)),
        "fresh": log1p(len(fresh) if unit.kind != "list" else len(unit.text.split()) // 2),
        "short": float(len(unit.terms) < 4),
        "words": log1p(len(unit.terms)),
        "rank": 1 / (1 + rank),
        "first": float(rank == 0),
        "cosine": cosine if cosine is not None else 0.0,
        "has_cosine": float(cosine is not None),
        "asked": _mutual(keys, unit.asked) * (1.0 if unit.is_first_answer else 0.5),
        **_identity(asked, candidate, in_own, in_above, _best(in_passage, credits(keys, candidate.document))),
        **_wording(asked, unit, in_own),
        **_kind(asked, unit),
        **{f"is_{kind}": float(unit.kind == kind) for kind in ("row", "item", "list", "cells")},
    }


def _own_credits(keys: Sequence[str], unit: Unit) -> list[float]:
    """How far the unit says each term: in its own words, or in the line above that makes one statement with it."""
    own = credits(keys, frozenset(unit.terms))
    if unit.frame:
        own = _best(own, [_FRAME_CREDIT * credit for credit in credits(keys, unit.frame)])
    if unit.asked:
        share = _FIRST_ANSWER_CREDIT if unit.is_first_answer else _LATER_ANSWER_CREDIT
        own = _best(own, [share * credit for credit in credits(keys, unit.asked)])
    return own


def _best(left: Sequence[float], right: Sequence[float]) -> list[float]:
    return [max(a, b) for a, b in zip(left, right, strict=True)]


def _share(credit: Sequence[float], weights: Sequence[float]) -> float:
    total = sum(weights)
    return sum(c * w for c, w in zip(credit, weights, strict=True)) / total if total else 0.0


def _pairs(keys: Sequence[str], own: Sequence[str]) -> float:
    """Share of the question's neighbouring terms that stand near each other in the sentence too."""
    if len(keys) < 2:
        return float(bool(keys) and keys[0] in own)
    places: dict[str, list[int]] = {}
    for position, term in enumerate(own):
        places.setdefault(term, []).append(position)
    near = 0
    for left, right in pairwise(keys):
        near += any(abs(a - b) <= _NEAR for a in places.get(left, ()) for b in places.get(right, ()))
    return near / (len(keys) - 1)


def _mutual(keys: Sequence[str], other: frozenset[str]) -> float:
    """How much of the same the question and another question ask, in [0, 1]."""
    if not keys or not other:
        return 0.0
    return 2 * sum(credits(keys, other)) / (len(keys) + len(other))


def _identity(
    asked: Asked, candidate: Candidate, own: Sequence[float], above: Sequence[float], document: Sequence[float]
) -> dict[str, float]:
    """Figures, identifiers and names of the question that are missing, and others that stand in their place."""
    context = f"{candidate.context} {candidate.unit.text}"
    wanted: dict[str, set[str]] = {}
    for word, figure in asked.rivals:
        wanted.setdefault(word, set()).add(figure)
    rival = any((found := _beside(word, context)) and not found & figures for word, figures in wanted.items())
    rival = rival or _names_another(asked.members, candidate.unit.text)
    words = list(zip(asked.words, asked.is_figure, strict=True))
    identifier = [figure and any(c.isalpha() for c in term) for term, figure in words]
    is_part_number = [flag and len(term) >= _MIN_PART_NUMBER for (term, _), flag in zip(words, identifier, strict=True)]
    top = max(asked.weights, default=1.0)

    def lacking(flags: Sequence[bool], credit: Sequence[float]) -> float:
        """Weight of the flagged terms that are missing; names that are all over the passages weigh little."""
        rows = zip(asked.weights, flags, credit, strict=True)
        return log1p(sum(weight for weight, flag, value in rows if flag and value < 0.5) / top)

    return {
        "figure_missing_own": lacking(asked.is_figure, own),
        "figure_missing_above": lacking(asked.is_figure, above),
        "figure_missing": lacking(asked.is_figure, document),
        "identifier_missing": lacking(identifier, document),
        "identifier_own": float(any(flag and credit >= 1 for flag, credit in zip(is_part_number, own, strict=True))),
        "name_missing_own": lacking(asked.is_name, own),
        "name_missing_above": lacking(asked.is_name, above),
        "name_missing": lacking(asked.is_name, document),
        "rival": float(rival),
    }


def _wording(asked: Asked, unit: Unit, own: Sequence[float]) -> dict[str, float]:
    """Signs that a sentence says the contrary, or leans on one before it."""
    words = set(re.findall(r"[^\W_]+|n't", fold(unit.text)))
    opposite = any(word not in words and others & words for word, others in asked.opposites)
    leans = leans_on_context(unit.text)
    return {
        "opposite": float(opposite),
        "negated": float(bool(_NEGATIONS & words)),
        "negation_differs": float(asked.is_negated and not _NEGATIONS & words),
        "leans": float(leans),
        "lowest": min(own, default=0.0),
    }


def _kind(asked: Asked, unit: Unit) -> dict[str, float]:
    """+1 where the sentence holds the kind of answer that is asked for, -1 where it does not, 0 where another is asked."""
    held = kinds_in(unit.text, asked.text) if asked.kind else frozenset[str]()
    signs = {f"kind_{kind}": (1.0 if kind in held else -1.0) if kind == asked.kind else 0.0 for kind in KINDS}
    return {**signs, "kind_open": float(not asked.kind), "figure_lacking": float(lacks_figure(unit.text, asked.text))}


def _names(question: str) -> list[str]:
    """Words of the question with a capital, its first word left out, and words with capitals inside."""
    words = _WORD.findall(question)
    return [w for i, w in enumerate(words) if (i and w[0].isupper()) or any(c.isupper() for c in w[1:])]


def _series(question: str) -> list[tuple[str, str]]:
    """Names with a number that tells one member of a series from the others: ("corvo", "300"), ("table", "4")."""
    words = [fold(word) for word in _WORD.findall(question)]
    return [
        (left, right)
        for left, right in pairwise(words)
        if left.isalpha() and len(left) > 2 and _FIGURE.search(right) and terms(left, "en")
    ]


def _names_another(members: Collection[str], text: str) -> bool:
    """True where a text names a sibling of what is asked for, such as B1 for B2, and not what is asked for itself."""
    found = {fold(word) for word in _WORD.findall(text)}
    siblings = {word for word in found if _MEMBER.fullmatch(word) and any(word[0] == member[0] for member in members)}
    return bool(siblings) and not siblings & set(members)


def _beside(word: str, text: str) -> set[str]:
    """Figures that stand directly after a word in a text."""
    words = [fold(found) for found in _WORD.findall(text)]
    return {b for a, b in pairwise(words) if a == word and _FIGURE.search(b)}

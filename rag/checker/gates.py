"""Deterministic gates: what a claim states exactly must stand in the evidence exactly.

Numbers with units, dates, names, identifiers, quotations, and the polarity of the closest sentence. A gate finds what is
missing or reversed; it cannot tell that what is there is said of something else. Notation and word lists: English and Spanish.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.analysis import fold, stem, stopwords
from rag.checker.evidence import Evidence, Figures, figures, language_of, squeeze
from rag.checker.quantities import MONTHS, DateValue, Quantity
from rag.checker.wording import NEGATIONS, OPPOSITES, ORDINARY_OPENERS

Kind = Literal["number", "date", "name", "identifier", "quotation", "negation"]

_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»\n]{2,400})[\"”“»]|(?<!\w)[‘']([^'‘’\n]{8,400})[’'](?!\w)")
_NAME = re.compile(r"[A-ZÁÉÍÓÚÑÄÖÜ][\w'’&.-]*\w|[A-Z]")
_LINKS = re.compile(r"\s+(?:(?:of|the|de|del|la|las|los|el|y|and|von|van|der|di|&)\s+){0,2}")
_MIN_QUOTE_WORDS = 2


@dataclass(frozen=True)
class Finding:
    """What a gate missed: the words `claim[start:end]`. `rival` is what the closest sentence says in its place, or ""."""

    kind: Kind
    missed: str
    start: int
    end: int
    rival: str = ""


def find_misses(claim: str, evidence: Evidence, closest: Sequence[int]) -> list[Finding]:
    """Run every gate. `closest` are the numbers of the evidence sentences nearest to the claim, nearest first."""
    language = language_of(claim, evidence.language)
    stated = figures(claim, language)
    findings = [
        *_dates(claim, stated, evidence, closest),
        *_numbers(claim, stated, evidence, closest),
        *_identifiers(claim, stated, evidence),
        *_quotations(claim, evidence),
        *_names(claim, stated, evidence),
        *_polarity(claim, evidence, closest),
    ]
    return sorted(findings, key=lambda finding: finding.start)


def _dates(claim: str, stated: Figures, evidence: Evidence, closest: Sequence[int]) -> Iterator[Finding]:
    there = [date for source in evidence.sources for date in source.figures.dates]
    plain = {value for source in evidence.sources for q in source.figures.quantities for value in q.values}
    for date in stated.dates:
        bare_year = all(not month for _, month, _ in date.readings)
        if any(date.agrees(other, evidence.years) for other in there):
            continue
        if bare_year and plain & {float(year) for year, _, _ in date.readings}:
            continue
        near = _near(evidence, closest)
        rival = next((text for text, parts in near for other in parts.dates if _same_kind(date, other)), "")
        yield Finding("date", claim[date.start : date.end], date.start, date.end, rival)


def _same_kind(date: DateValue, other: DateValue) -> bool:
    """True for dates that state the same parts: a year rivals a year, a day another day."""
    shapes = {tuple(bool(part) for part in reading) for reading in date.readings}
    return bool(shapes & {tuple(bool(part) for part in reading) for reading in other.readings})


def _numbers(claim: str, stated: Figures, evidence: Evidence, closest: Sequence[int]) -> Iterator[Finding]:
    there = [quantity for source in evidence.sources for quantity in source.figures.quantities]
    years = {float(year) for year in evidence.years}
    for quantity in stated.quantities:
        if quantity.is_loose or any(quantity.agrees(other) for other in there) or quantity.values & years:
            continue
        rival = _rival(quantity, evidence, closest)
        if quantity.is_word and not (rival and quantity.unit):
            continue  # the writer may have counted: "two options" where the source lists them
        yield Finding("number", claim[quantity.start : quantity.end], quantity.start, quantity.end, rival)


def _rival(quantity: Quantity, evidence: Evidence, closest: Sequence[int]) -> str:
    for text, parts in _near(evidence, closest):
        for other in parts.quantities:
            if other.unit == quantity.unit and not other.is_loose:
                return text
    return ""


def _near(evidence: Evidence, closest: Sequence[int]) -> Iterator[tuple[str, Figures]]:
    for number in closest[:1]:
        text = evidence.text(number)
        yield text, figures(text, evidence.language)


def _identifiers(claim: str, stated: Figures, evidence: Evidence) -> Iterator[Finding]:
    for start, end in stated.identifiers:
        plain = re.sub(r"[\W_]+", "", fold(claim[start:end]))
        if not any(plain in source.compact for source in evidence.sources):
            yield Finding("identifier", claim[start:end], start, end)


def _quotations(claim: str, evidence: Evidence) -> Iterator[Finding]:
    for match in _QUOTED.finditer(claim):
        group = 1 if match[1] is not None else 2
        quote = squeeze(match[group]).strip(" .,;:!?…")
        pieces = [piece.strip(" .,;:!?") for piece in re.split(r"\.\.\.|…|\[[^\]]*\]", quote)]
        if len(quote.split()) < _MIN_QUOTE_WORDS:
            continue  # a single word in quotation marks is a way of speaking
        if not all(any(piece in source.folded for source in evidence.sources) for piece in pieces):
            yield Finding("quotation", match[group], match.start(group), match.end(group))


def _names(claim: str, stated: Figures, evidence: Evidence) -> Iterator[Finding]:
    """Capitalised words that the evidence does not have; a run of them is one finding."""
    words = re.findall(r"[^\W\d_]{2,}", claim)
    capitals = sum(word[0].isupper() for word in words)
    if capitals * 2 > len(words) > 3:
        return  # a title or a table row: capitals say nothing there
    taken = [(d.start, d.end) for d in stated.dates] + list(stated.identifiers)
    run: list[re.Match[str]] = []
    for match in _NAME.finditer(claim):
        if any(start < match.end() and match.start() < end for start, end in taken):
            continue
        if not _is_name(claim, match) or _is_known(match.group(), evidence):
            continue
        if run and not _LINKS.fullmatch(claim, run[-1].end(), match.start()):
            yield _named(claim, run)
            run = []
        run.append(match)
    if run:
        yield _named(claim, run)


def _named(claim: str, run: list[re.Match[str]]) -> Finding:
    start, end = run[0].start(), run[-1].end()
    return Finding("name", claim[start:end], start, end)


def _is_name(claim: str, match: re.Match[str]) -> bool:
    """True for a capitalised word that is not capitalised only because a sentence begins with it."""
    word = match.group()
    plain = fold(word.split("'")[0].split("’")[0])
    if len(word) < 2 or plain in MONTHS or plain in ORDINARY_OPENERS or any(plain in stopwords(code) for code in ("en", "es")):
        return False
    if match.start() and (claim[match.start() - 1].isalnum() or claim[match.start() - 1] in "-_/@#.'’"):
        return False
    before = claim[: match.start()].rstrip(" \t\"'“‘«(*_¿¡")
    opens = not before or before[-1] in ".!?:;\n|…•-–—"
    if not opens:
        return True
    return word[1:] != word[1:].lower()  # "NASA" and "McDonald" are names wherever they stand


def _is_known(word: str, evidence: Evidence) -> bool:
    """True if the evidence has the word, a part or form of it ("Spanish" for "Spain"), or what its letters stand for."""
    word = re.sub(r"['’]s?$", "", word)
    plain = fold(word)
    parts = [part for part in re.findall(r"\w+", plain) if len(part) > 1] or [plain]
    compact = re.sub(r"\W", "", plain)
    for source in evidence.sources:
        if all(part in source.tokens for part in parts) or (len(compact) > 3 and compact in source.compact):
            return True
        if word.isupper() and compact in source.initials:
            return True
    if len(plain) < 5:
        return False
    stems = {stem(plain, evidence.language), *(stem(part, evidence.language) for part in parts)}
    return any(term in evidence.postings for term in stems) or plain[: max(4, min(6, len(plain) - 3))] in evidence.prefixes


def _polarity(claim: str, evidence: Evidence, closest: Sequence[int]) -> Iterator[Finding]:
    """A negation or an opposite in the claim that the closest sentence does not share, where both say the same otherwise."""
    mine = _folded_words(claim)
    if not closest or not mine:
        return
    best: list[Finding] | None = None
    for number in closest[:2]:
        theirs = [word for word, _, _ in _folded_words(evidence.text(number))]
        conflicts = _conflicts(claim, mine, theirs, evidence, number)
        if conflicts is None:
            continue
        if not conflicts:
            return  # one near sentence says it as the claim does
        best = best or conflicts
    yield from best or []


def _conflicts(
    claim: str, mine: list[tuple[str, int, int]], theirs: list[str], evidence: Evidence, number: int
) -> list[Finding] | None:
    """Reversals between the claim and one sentence; None where the two do not speak of the same thing."""
    language = evidence.language
    stops = stopwords(language)
    marks = NEGATIONS | set(OPPOSITES)
    content = {stem(word, language) for word, _, _ in mine if word not in stops and word not in marks}
    shared = [i for i, word in enumerate(theirs) if stem(word, language) in content]
    covered = {stem(theirs[i], language) for i in shared}
    if len(content) < 2 or len(covered) < 0.75 * len(content):
        return None
    near = set(theirs[max(0, shared[0] - 3) : shared[-1] + 3])
    text = evidence.text(number)
    found = []
    mine_negated = [(start, end) for word, start, end in mine if word in NEGATIONS]
    if bool(mine_negated) != bool(near & NEGATIONS):
        start, end = mine_negated[0] if mine_negated else (mine[0][1], mine[-1][2])
        found.append(Finding("negation", claim[start:end], start, end, text))
    words = {word for word, _, _ in mine}
    for word, start, end in mine:
        rivals = OPPOSITES.get(word, frozenset())
        if rivals & near and word not in near and not rivals & words:
            found.append(Finding("negation", claim[start:end], start, end, text))
    return found if len(found) != 2 or found[0].start == found[1].start else []  # two reversals cancel: "not below" is "above"




def _folded_words(text: str) -> list[tuple[str, int, int]]:
    """Folded words with their places; "isn't" gives "n't" as a word of its own, "cannot" is one."""
    found = []
    for match in re.finditer(r"\w+(?:['’]\w+)?", text):
        word = fold(match.group()).replace("’", "'")
        if word.endswith("n't"):
            found.append((word[:-3] or word, match.start(), match.end() - 3))
            found.append(("n't", match.start(), match.end()))
        else:
            found.append((word.split("'")[0], match.start(), match.end()))
    return found

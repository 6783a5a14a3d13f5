"""Deterministic gates: what a claim states exactly must stand in the evidence exactly.

Numbers with units, dates, names, identifiers and quotations. A gate finds what is missing; what is there but said of something
else is for `misplaced`, what is turned round for `turned`. Notation and word lists: English and Spanish.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ingest.analysis import fold, stem, stopwords
from rag.checker.binding import is_of_a_sibling, label_groups
from rag.checker.evidence import Evidence, Figures, figures, language_of, spaced
from rag.checker.quantities import MONTHS, DateValue, Quantity
from rag.checker.wording import ALIASES, IMPERATIVES, ORDINARY_OPENERS

Kind = Literal["number", "date", "name", "identifier", "quotation", "negation", "untrue", "modality", "scope", "comparison"]

_QUOTED = re.compile(
    r"(?<!\w)[\"“„«](?!\s)([^\"“”„«»\n]{2,400})(?<!\s)[\"”“»](?!\w)|(?<!\w)[‘'](?!\s)([^'‘’\n]{8,400})(?<!\s)[’'](?!\w)"
)
_NAME = re.compile(r"[A-ZÁÉÍÓÚÑÄÖÜ][\w'’&.-]*\w|[A-Z]")
_LINKS = re.compile(r"\s+(?:(?:of|the|de|del|la|las|los|el|y|and|von|van|der|di|&)\s+){0,2}")
_MIN_QUOTE_WORDS = 2
_LABEL = re.compile(
    r"(?:passages?|sources?|documents?|steps?|options?|points?|pasajes?|fuentes?|documentos?|pasos?|opción|punto)\s*[#\[(]?$",
    re.I,
)
_SCALE = re.compile(r"(?:out of|sobre|de|/)\s*$", re.IGNORECASE)
_STARS = re.compile(r"[\s-]*(?:stars?|estrellas)|\.?\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """What a gate missed: the words `claim[start:end]`. `rival` is what the closest sentence says in its place, or "".

    `is_copy`: that sentence has every other word of the claim, so that no model is heard against the gate.
    """

    kind: Kind
    missed: str
    start: int
    end: int
    rival: str = ""
    is_copy: bool = False


def find_misses(claim: str, evidence: Evidence, closest: Sequence[int], context: str = "") -> list[Finding]:
    """Run every gate. `closest` are the numbers of the evidence sentences nearest to the claim, nearest first.

    `context` is what the claim leans on, the question among it: its words may be quoted.
    """
    stated = stated_figures(claim, evidence)
    findings = [
        *_dates(claim, stated, evidence, closest),
        *_numbers(claim, stated, evidence, closest),
        *_bound(claim, stated, evidence),
        *_identifiers(claim, stated, evidence),
        *_quotations(claim, evidence, context),
        *_names(claim, stated, evidence),
    ]
    return sorted(findings, key=lambda finding: finding.start)


def stated_figures(claim: str, evidence: Evidence) -> Figures:
    """What a claim states in figures, without numbers that only name a passage, a step or the top of a scale."""
    found = figures(claim, language_of(claim, evidence.language))
    return replace(found, quantities=tuple(quantity for quantity in found.quantities if not _is_label(claim, quantity)))


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
        rival = next((text for text, parts in near for other in parts.dates if same_kind(date, other)), "")
        yield Finding("date", claim[date.start : date.end], date.start, date.end, rival)


def same_kind(date: DateValue, other: DateValue) -> bool:
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


def _bound(claim: str, stated: Figures, evidence: Evidence) -> Iterator[Finding]:
    """Figures that the evidence has, but says of a sibling of what the claim speaks of."""
    groups = label_groups(claim)
    wanted = {label for _, _, labels in groups for label in labels}
    for quantity in stated.quantities if wanted else ():
        if any(start < quantity.end and quantity.start < end for start, end, _ in groups):
            continue
        rivals = []
        for source in evidence.sources:
            places = [other.start for other in source.figures.quantities if quantity.agrees(other)]
            if places:
                rivals.append((source, is_of_a_sibling(wanted, source.text, source.spans, places)))
        spans = [source.text[slice(*span)] for source, span in rivals if span is not None]
        if spans and len(spans) == len(rivals):
            yield Finding("number", claim[quantity.start : quantity.end], quantity.start, quantity.end, spans[0])


def _is_label(claim: str, quantity: Quantity) -> bool:
    """True for numbers that name a passage or a step of the answer, stand alone in brackets, or are the top of a scale."""
    before, after = claim[max(0, quantity.start - 16) : quantity.start], claim[quantity.end : quantity.end + 10]
    if _LABEL.search(before) or (before[-1:] in "[({" and after[:1] in "])}"):
        return True
    return (
        bool(_SCALE.search(before) and _STARS.match(after))
        or claim[quantity.start :].startswith("24/7")
        or before.endswith("24/")
    )


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
    same = _alias_spans(claim, evidence)
    for start, end in stated.identifiers:
        if any(a <= start and end <= b for a, b in same):
            continue
        plain = re.sub(r"[\W_]+", "", fold(claim[start:end]))
        if not any(plain in source.compact for source in evidence.sources):
            yield Finding("identifier", claim[start:end], start, end)


def _quotations(claim: str, evidence: Evidence, context: str) -> Iterator[Finding]:
    """Words in quotation marks that stand nowhere in this order; punctuation, case and white space may differ."""
    texts = [*(source.spaced for source in evidence.sources), f" {spaced(context)} "]
    for match in _QUOTED.finditer(claim):
        group = 1 if match[1] is not None else 2
        quote = match[group]
        words = re.findall(r"[^\W\d_]{4,}", quote)
        if len(quote.split()) < _MIN_QUOTE_WORDS or all(word[0].isupper() for word in words):
            continue  # a single word is a way of speaking, and capitals make a title, which is a matter for names
        pieces = [spaced(piece) for piece in re.split(r"\.\.\.|…|\[[^\]]*\]", quote)]
        if not all(any(f" {piece} " in text for text in texts) for piece in pieces if piece):
            yield Finding("quotation", quote, match.start(group), match.end(group))


def named_runs(text: str) -> list[tuple[int, int]]:
    """Names in a text: runs of capitalised words that are not capitalised by habit or as the first word of a sentence."""
    runs: list[tuple[int, int]] = []
    for match in _NAME.finditer(text):
        if not _is_name(text, match):
            continue
        if runs and _LINKS.fullmatch(text, runs[-1][1], match.start()):
            runs[-1] = (runs[-1][0], match.end())
        else:
            runs.append(match.span())
    return runs


def _names(claim: str, stated: Figures, evidence: Evidence) -> Iterator[Finding]:
    """Capitalised words that the evidence does not have; a run of them is one finding."""
    words = re.findall(r"[^\W\d_]{2,}", claim)
    # "Power of Attorney (POA)", "National Insurance Contributions (NICs)"
    introduced = {fold(match[1]) for match in re.finditer(r"\(([A-Z][A-Za-z]{0,6}[A-Z][A-Za-z]?)\)", claim)}
    capitals = sum(word[0].isupper() for word in words[1:])
    if len(words) > 3 and capitals > 0.8 * (len(words) - 1):
        return  # a title or a table row: capitals say nothing there
    taken = [(d.start, d.end) for d in stated.dates] + list(stated.identifiers) + _alias_spans(claim, evidence)
    taken += [(q.start, q.end) for q in stated.quantities]  # "300 KB"
    run: list[re.Match[str]] = []
    for match in _NAME.finditer(claim):
        if any(start < match.end() and match.start() < end for start, end in taken):
            continue
        if not _is_name(claim, match) or fold(match.group()) in introduced or _is_known(match.group(), evidence):
            continue
        if run and not _LINKS.fullmatch(claim, run[-1].end(), match.start()):
            yield _named(claim, run)
            run = []
        run.append(match)
    if run:
        yield _named(claim, run)


def _alias_spans(claim: str, evidence: Evidence) -> list[tuple[int, int]]:
    """Where the claim names what the evidence has by another of its names: "United States" for "U.S."."""
    found = []
    for pattern in ALIASES:
        spans = [match.span() for match in pattern.finditer(claim)]
        if spans and any(pattern.search(source.text) for source in evidence.sources):
            found += spans
    return found


def _named(claim: str, run: list[re.Match[str]]) -> Finding:
    start, end = run[0].start(), run[-1].end()
    return Finding("name", claim[start:end], start, end)


def _is_name(claim: str, match: re.Match[str]) -> bool:
    """True for a capitalised word that is not capitalised only because a sentence begins with it."""
    word = match.group()
    plain = fold(word.split("'")[0].split("’")[0])
    if len(word) < 2 or _is_capital_habit(plain) or any(plain in stopwords(code) for code in ("en", "es")):
        return False
    if match.start() and (claim[match.start() - 1].isalnum() or claim[match.start() - 1] in "-_/@#.'’"):
        return False
    before = claim[: match.start()].rstrip(" \t\"'“‘«(*_¿¡")
    opens = not before or before[-1] in ".!?:;\n|…•-–—"
    if not opens:
        return True
    if plain in IMPERATIVES:
        return False  # "Open Print Manager"
    following = _NAME.match(claim, match.end() + 1)
    if following and claim[match.end()] == " " and following.group()[1:].islower() and not _is_capital_habit(following.group()):
        return True  # "John Smith said": the second capital shows that the first is a name
    return word[1:] != word[1:].lower()  # "NASA" and "McDonald" are names wherever they stand


def _is_capital_habit(word: str) -> bool:
    """True for words that are capitalised wherever they stand: days, months, "I"."""
    return fold(word) in MONTHS or fold(word) in ORDINARY_OPENERS


def _is_known(word: str, evidence: Evidence) -> bool:
    """True if the evidence has the word, a part or form of it ("Italian" for "Italy"), or what one abbreviates of the other."""
    word = re.sub(r"['’]s?$", "", word)
    plain = fold(word)
    parts = [part for part in re.findall(r"\w+", plain) if len(part) > 1] or [plain]
    compact = re.sub(r"\W", "", plain)
    for source in evidence.sources:
        if all(part in source.tokens for part in parts) or compact in source.tokens:
            return True
        if (len(compact) > 3 and compact in source.compact) or f" {spaced(word)} " in source.spaced:
            return True
        if compact in source.initials and word.upper() == word:
            return True
        if any(plain[0] == short[0] and _is_within(short, plain) for short in source.capitals if len(plain) > len(short) + 1):
            return True  # "California" for "CA"
    if len(plain) < 5:
        return False
    stems = {stem(plain, evidence.language), *(stem(part, evidence.language) for part in parts)}
    return any(term in evidence.postings for term in stems) or plain[: max(4, min(6, len(plain) - 3))] in evidence.prefixes


def _is_within(short: str, word: str) -> bool:
    """True if the letters of `short` occur in `word` in their order."""
    letters = iter(word)
    return all(letter in letters for letter in short)


def folded_words(text: str) -> list[tuple[str, int, int]]:
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

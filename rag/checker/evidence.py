"""Texts as the checker reads them: words with their stems and places, sentences, numbers and dates, looked up by term.

A source is read once and serves every claim that is checked against it. It does not judge anything.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from math import log

from ingest.analysis import detect_language, fold, terms
from ingest.sentences import sentence_spans
from rag.checker.quantities import DateValue, Quantity, find_dates, find_quantities
from rag.checker.records import flags, is_data, members, separated

_WORD = re.compile(r"\d+(?:[.,]\d+)+(?!\w)|\w+(?:[-–'’./:@_]\w+)*|[€$£%]")
# Letters with digits or marks inside: MX-4471-B, ISO9001, v2.3, covid-19 excluded by its lower case.
IDENTIFIER = re.compile(r"(?<![\w-])(?=[\w./_-]*[A-Z])(?=[\w./_-]*\d)[A-Za-z0-9]+(?:[-_./][A-Za-z0-9]+)*(?![\w-])")
_MONTHLIKE = re.compile(r"^[A-Za-z]{3,9}[-/.]\d")
_SHORT_TEXT = 40  # letters below which the language detector guesses


@dataclass(frozen=True)
class Word:
    """A content word: its place, its terms (the whole first, then its parts)."""

    start: int
    end: int
    terms: tuple[str, ...]

    @property
    def key(self) -> str:
        """The term of the whole word."""
        return self.terms[0]


def content_words(text: str, language: str) -> list[Word]:
    """The words of `text` that are not function words, in order."""
    words = []
    for match in _WORD.finditer(text):
        found = terms(match.group(), language)
        if found:
            parts = separated(match.group()).split()
            joined = ["".join(pair) for pair in pairwise(parts)]  # "takeout" for `RestaurantsTakeOut`
            extra = terms(" ".join([*parts, *joined]), language) if joined else []
            words.append(Word(match.start(), match.end(), tuple(dict.fromkeys([*found, *extra]))))
    return words


def language_of(text: str, default: str) -> str:
    """Language of `text`, or `default` for a text too short to tell."""
    return detect_language(text) if sum(map(str.isalpha, text)) >= _SHORT_TEXT else default


@dataclass(frozen=True)
class Figures:
    """Numbers, dates and identifiers of a text."""

    quantities: tuple[Quantity, ...]
    dates: tuple[DateValue, ...]
    identifiers: tuple[tuple[int, int], ...]


def figures(text: str, language: str) -> Figures:
    """Find numbers, dates and identifiers; each place in the text is only one of them."""
    dates = find_dates(text)
    taken = [(date.start, date.end) for date in dates]
    identifiers = []
    for match in IDENTIFIER.finditer(text):
        if _is_identifier(match.group()) and not any(s < match.end() and match.start() < e for s, e in taken):
            identifiers.append((match.start(), match.end()))
    quantities = find_quantities(text, language, [*taken, *identifiers])
    return Figures(tuple(quantities), tuple(dates), tuple(identifiers))


def _is_identifier(word: str) -> bool:
    """False for amounts and clock times with a letter: "5K", "10PM", "3D", "8 AM-6" stay words or numbers."""
    if re.fullmatch(r"\d+(?:[.,:]\d+)*[A-Za-z]{1,3}|[AP]M[-/]\d{1,2}", word, re.IGNORECASE) or (
        _MONTHLIKE.match(word) and word[:3].istitle()
    ):
        return False
    return len(word) > 2


class Source:
    """One text given as evidence, with what the checker looks up in it."""

    def __init__(self, text: str) -> None:
        """Cut the text into sentences, or data into its members, and those into words."""
        self.text = text
        self.language = detect_language(text)
        self.spans = sentence_spans(text)
        self.is_data = is_data(text)
        if self.is_data:
            self.spans = [span for start, end in self.spans for span in members(text, start, end)]
        self.starts = [start for start, _ in self.spans]
        self.words = [content_words(text[start:end], self.language) for start, end in self.spans]
        self.bags = [frozenset(term for word in words for term in word.terms) for words in self.words]

    @cached_property
    def figures(self) -> Figures:
        """Numbers, dates and identifiers of the whole text."""
        return figures(self.text, self.language)

    @cached_property
    def flags(self) -> list[tuple[str, int]]:
        """What a record says yes or no to, or leaves open; empty for prose."""
        return flags(self.text) if self.is_data else []

    @cached_property
    def folded(self) -> str:
        """The text folded, with single blanks and plain quotation marks, for looking up names and quotations."""
        return squeeze(self.text)

    @cached_property
    def compact(self) -> str:
        """The folded text with letters and digits only, for looking up identifiers."""
        return re.sub(r"[\W_]+", "", self.folded)

    @cached_property
    def spaced(self) -> str:
        """The folded words with single blanks between and at both ends, for looking up quotations."""
        return f" {spaced(self.text)} "

    @cached_property
    def capitals(self) -> frozenset[str]:
        """Short words in capitals, folded: abbreviations such as "CA" or "GmbH"."""
        return frozenset(fold(word) for word in re.findall(r"\b[A-Z]{2,4}\b", self.text))

    @cached_property
    def tokens(self) -> frozenset[str]:
        """Folded words of the text, function words included."""
        return frozenset(re.findall(r"\w+", self.folded))

    @cached_property
    def initials(self) -> frozenset[str]:
        """Initials of the capitalised runs: "World Health Organization" gives "who"."""
        runs = re.findall(r"[A-ZÁÉÍÓÚ]\w+(?:\s+(?:(?:of|for|and|the|de|la|del|y)\s+){0,2}[A-ZÁÉÍÓÚ]\w+)+", self.text)
        return frozenset(fold("".join(word[0] for word in run.split() if word[0].isupper())) for run in runs)


def spaced(text: str) -> str:
    """The folded words of a text with single blanks between them; apostrophes are dropped."""
    return " ".join(re.findall(r"\w+", re.sub(r"['’‘`´]", "", fold(text))))


def squeeze(text: str) -> str:
    """Fold, make white space single blanks, and make quotation marks and dashes plain."""
    text = re.sub(r"[“”„«»‟″]", '"', re.sub(r"[‘’‚′`´]", "'", text))
    return re.sub(r"\s+", " ", re.sub(r"[–—−‐‑]", "-", fold(text))).strip()


class Evidence:
    """The sources of one claim read as one: every sentence under one number, every term with the sentences that hold it."""

    def __init__(self, sources: Sequence[Source]) -> None:
        """Number the sentences through all sources."""
        self.sources = tuple(sources)
        self.offsets = list(accumulate((len(source.spans) for source in sources), initial=0))
        self.sentences = [(i, k) for i, source in enumerate(sources) for k in range(len(source.spans))]
        self.bags = [sources[i].bags[k] for i, k in self.sentences]
        self.language = Counter(source.language for source in sources).most_common(1)[0][0] if sources else "en"
        self.postings: dict[str, list[int]] = {}
        for number, bag in enumerate(self.bags):
            for term in bag:
                self.postings.setdefault(term, []).append(number)

    @cached_property
    def prefixes(self) -> frozenset[str]:
        """First letters of the long terms, for words that differ only in their ending."""
        return frozenset(term[:size] for term in self.postings if len(term) >= 5 and term.isalpha() for size in (4, 5, 6))

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Pairs of terms that stand beside each other, or with one word between, in a sentence."""
        found: set[tuple[str, str]] = set()
        for i, k in self.sentences:
            keys = [word.key for word in self.sources[i].words[k]]
            found.update(pairwise(keys))
            found.update(zip(keys, keys[2:], strict=False))
        return frozenset(found)

    @cached_property
    def years(self) -> frozenset[int]:
        """Every year that the evidence states."""
        dates = (date for source in self.sources for date in source.figures.dates)
        return frozenset(reading[0] for date in dates for reading in date.readings if reading[0])

    def agreeing(self, stated: Figures) -> list[tuple[int, int, frozenset[int]]]:
        """Numbers and dates of a claim that the evidence has in any notation: (start, end, sentences that have it)."""
        found = []
        stated_figures: list[Quantity | DateValue] = [*stated.quantities, *stated.dates]
        for figure in stated_figures:
            numbers: set[int] = set()
            for index, source in enumerate(self.sources):
                if isinstance(figure, DateValue):
                    places = [date.start for date in source.figures.dates if figure.agrees(date, self.years)]
                else:
                    places = [other.start for other in source.figures.quantities if figure.agrees(other)]
                numbers.update(self.offsets[index] + bisect_right(source.starts, place) - 1 for place in places)
            if numbers:
                found.append((figure.start, figure.end, frozenset(numbers)))
        return found

    def weight(self, term: str) -> float:
        """How telling a term is in this evidence: rare and absent terms weigh most."""
        return log(1 + len(self.bags) / (0.5 + len(self.postings.get(term, ()))))

    def text(self, number: int) -> str:
        """Sentence `number`."""
        i, k = self.sentences[number]
        start, end = self.sources[i].spans[k]
        return self.sources[i].text[start:end]

    def window(self, number: int, reach: int = 1) -> list[int]:
        """The sentence and up to `reach` neighbours on each side in the same source."""
        source = self.sentences[number][0]
        low, high = max(0, number - reach), min(len(self.sentences), number + reach + 1)
        return [other for other in range(low, high) if self.sentences[other][0] == source]

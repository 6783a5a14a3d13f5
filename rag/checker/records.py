"""Evidence that is data and not prose: JSON, or the like of it, as tools and exports give it, cut and said in words.

A sentence splitter sees one long sentence in `{"name": ..., "hours": {...}}`, of which a reading model would get the beginning
and no more. Here each member is a statement of its own; a small object of plain values (opening hours, a list of flags) stays
whole. Offsets are those of the text given; only what a model reads is reworded. It does not judge anything.
"""

import re
from collections import Counter
from collections.abc import Iterator

from ingest.analysis import fold

_QUOTED = r"""(?:"[^"\n]{1,60}"|'[^'\n]{1,60}')"""
_KEY = re.compile(rf"(?<![\w\"'])({_QUOTED})\s*:\s*")
_OBJECT = re.compile(r"\{[^{}]{0,400}\}")
_MIN_KEYS = 3  # fewer may be a quotation with a colon behind it
_SEPARATORS = " \t\r\n,"
_BETWEEN = _SEPARATORS + "{}[]"  # what a member neither begins nor ends with
_CAMEL = re.compile(r"(?<=[a-zà-ÿ]{2})(?=[A-ZÀ-Þ][a-zà-ÿ]{2})")  # not WiFi
_CONSTANTS = {"true": "yes", "false": "no", "null": "not stated", "none": "not stated"}
_CONSTANT = re.compile(r"(?<=: )(true|false|null|none)\b", re.IGNORECASE)
_FLAG = re.compile(rf"({_QUOTED})\s*:\s*[\"']?(true|false|null|none)\b[\"']?", re.IGNORECASE)
_ANY_FLAG = re.compile(rf"({_QUOTED})\s*:\s*([\"']?)(true|false|yes|no|free|null|none)\2\s*(?=[,}}\]]|$)", re.IGNORECASE)
_SAYS = {"true": 1, "yes": 1, "free": 1, "false": -1, "no": -1, "null": 0, "none": 0}
_OF_ANY_FLAG = frozenset("has have is are good for by with accepts allows offers provides available only".split())
_MIN_LETTERS = 3
_NO = {"de": "kein", "fr": "aucun"}
_CLOCK = re.compile(r"(?<![\d:])(\d{1,2}):(\d)(?![\d:])")  # 8:0 for eight o'clock
_MARKS = re.compile(r"[{}\[\]]+|(?<!\w)[\"']+|[\"']+(?=\s*(?:[,}\]]|$))")

Span = tuple[int, int]


def is_data(text: str) -> bool:
    """True for text with members such as `"key": value`."""
    return len(list(zip(range(_MIN_KEYS), _KEY.finditer(text), strict=False))) == _MIN_KEYS


def members(text: str, start: int, end: int) -> Iterator[Span]:
    """Cut `text[start:end]` before every member, but not within a small object of plain values."""
    position = start
    at = start
    while (found := _KEY.search(text, at, end)) is not None:
        if text[position : found.start()].strip(_BETWEEN):
            yield _trimmed(text, position, found.start())
            position = found.start()
        small = _OBJECT.match(text, found.end(), end)
        at = small.end() if small else found.end()
    if text[position:end].strip(_BETWEEN):
        yield _trimmed(text, position, end)


def in_words(text: str) -> str:
    """A member as a person would say it: `"OutdoorSeating": false` becomes `Outdoor Seating: no`."""
    if _KEY.search(text) is None:
        return text
    said = _KEY.sub(lambda found: f"{separated(found[1][1:-1])}: ", text)
    said = _CLOCK.sub(r"\1:0\2", said)
    said = _CONSTANT.sub(lambda found: _CONSTANTS[found[1].casefold()], said)
    return " ".join(_MARKS.sub(" ", said).split()).replace(" ,", ",")


def as_statements(text: str, language: str) -> str:
    """A member with its flags said as what is and what is not: `"Lot": true, "Valet": false` becomes `Lot, no Valet`."""
    if _FLAG.search(text) is None:
        return text
    said = _FLAG.sub(lambda found: _flag(separated(found[1][1:-1]), found[2].casefold(), language), text)
    return in_words(said)


def flags(text: str) -> list[tuple[str, int]]:
    """Flags of a record: the letters of each name, and 1 for yes, -1 for no, 0 where it is open.

    Names come without the words that say nothing of the thing: "Restaurants" before several of them, "good for". What is open
    is left out where the record speaks of the thing elsewhere.
    """
    found = [(separated(match[1][1:-1]).split(), _SAYS[match[3].casefold()]) for match in _ANY_FLAG.finditer(text)]
    leads = Counter(words[0] for words, _ in found if len(words) > 1)
    letters = letters_of(text)
    named = []
    for words, says in found:
        own = [word for word in words if fold(word) not in _OF_ANY_FLAG and leads[word] < 2]
        name = singular(letters_of("".join(own)))
        if len(name) >= _MIN_LETTERS and (says or letters.count(name) == 1):
            named.append((name, says))
    return named


def letters_of(text: str) -> str:
    """The folded letters of a text, and nothing else."""
    return "".join(filter(str.isalpha, fold(text)))


def singular(word: str) -> str:
    """A word without a final s."""
    return word.removesuffix("s")


def _flag(name: str, value: str, language: str) -> str:
    return name if value == "true" else f"{_NO.get(language, 'no')} {name}" if value == "false" else ""


def separated(name: str) -> str:
    """The words of a name that was written as one: `outdoor_seating` and `OutdoorSeating` become two."""
    return _CAMEL.sub(" ", name.replace("_", " "))


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start] in _BETWEEN:
        start += 1
    while end > start and (text[end - 1] in _SEPARATORS + "{[" or _closes_another(text[start:end])):
        end -= 1
    return start, end


def _closes_another(text: str) -> bool:
    """True where the last bracket was opened before this text."""
    return any(text.endswith(mark) and text.count(mark) > text.count(opening) for opening, mark in ("{}", "[]"))

"""Days in a text as index terms: "9 February 2026", "2026-02-09" and "9. Februar 2026" all give `d20260209`.

Names of months are those of the languages that `ingest.analysis` stems. A day is named with its year or not at all; numbers
that can be read in two ways give both readings. No language is asked for: no name of a month is another's
elsewhere.
"""

import re
from collections.abc import Iterable, Iterator

_MONTHS = {
    name: month
    for names in (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "ene feb mar abr may jun jul ago sept oct nov dic",
        "januar februar märz april mai juni juli august september oktober november dezember",
        "jan feb mrz apr mai jun jul aug sep okt nov dez",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "janv févr mars avr mai juin juil août sept oct nov déc",
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "gen feb mar apr mag giu lug ago set ott nov dic",
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "jan fev mar abr mai jun jul ago set out nov dez",
    )
    for month, name in enumerate(names.split(), 1)
} | {"setiembre": 9, "jänner": 1, "marz": 3, "fevrier": 2, "aout": 8, "decembre": 12, "marco": 3}
# Begins with a digit, so that all other places are passed over quickly. The month stands between day and year or before both.
_WRITTEN = re.compile(
    r"[0-9][0-9]?(?:st|nd|rd|th|er|[.ºª°])?(?:,?\s+|\s+(?:(?:de|of)\s+)?([^\W\d_]{3,10})\.?,?\s+(?:(?:del?|of)\s+)?)"
    r"([12][0-9]{3})(?![\w]|[.,][0-9])",
    re.IGNORECASE,
)
_DAY = re.compile(r"[0-9]{1,2}")
_MONTH_BEFORE = re.compile(r"([^\W\d_]{3,10})\.?\s+\Z")
_LONGEST_BEFORE = 14
_NUMERIC = re.compile(
    r"([12][0-9]{3})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?:[Tt][0-9:]+)?|([0-9]{1,2})([-/.])([0-9]{1,2})\6([12][0-9]{3})"
)


def written_days(text: str) -> list[str]:
    """Terms of days whose month is a word, in order."""
    return [term for match in _WRITTEN.finditer(text) for term in _written(text, match)]


def _written(text: str, match: re.Match[str]) -> Iterable[str]:
    start = match.start()
    if start and (text[start - 1].isalnum() or text[start - 1] in ".,/-:"):
        return ()
    name = match[1]
    if not name:
        before = _MONTH_BEFORE.search(text, max(0, start - _LONGEST_BEFORE), start)
        name = before[1] if before else ""
    month, day = _MONTHS.get(name.casefold(), 0), _DAY.match(text, start)
    return _terms([(int(match[2]), month, int(day[0]))]) if day else ()


def numeric_days(word: str) -> tuple[str, ...]:
    """Terms of a word that is a day in figures; two where the month may stand first or second."""
    match = _NUMERIC.fullmatch(word)
    if match is None:
        return ()
    if match[1]:
        return tuple(_terms([(int(match[1]), int(match[3]), int(match[4]))]))
    first, second, year = int(match[5]), int(match[7]), int(match[8])
    readings = [(year, second, first)]
    if match[6] != ".":  # with points the day stands first everywhere
        readings.append((year, first, second))
    return tuple(_terms(readings))


def _terms(days: Iterable[tuple[int, int, int]]) -> Iterator[str]:
    for year, month, day in dict.fromkeys(days):
        if 1 <= month <= 12 and 1 <= day <= 31:
            yield f"d{year}{month:02}{day:02}"

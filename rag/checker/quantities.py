"""Numbers, clock times and dates as values: "1.2 million" and "1,200,000" are one number, "5 de marzo de 2024" is 2024-03-05.

English and Spanish notation and words; months also in German and French. A number that can be read in two ways keeps both
readings. It does not know what a number counts beyond the unit beside it, and it does not convert currencies.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

_MAGNITUDES = {
    **dict.fromkeys(("thousand", "k", "mil", "tausend", "mille"), 1e3),
    **dict.fromkeys(("million", "millions", "mn", "mm", "millón", "millon", "millones", "mio", "m"), 1e6),
    **dict.fromkeys(("billion", "billions", "bn", "b", "millardo", "millardos", "milliarde", "milliarden", "milliards"), 1e9),
    **dict.fromkeys(("trillion", "trillions", "tn", "billón", "billon", "billones"), 1e12),
    "hundred": 1e2,
    "dozen": 12.0,
    "docenas": 12.0,
}
# Unit -> (base unit, factor), so that two weeks are fourteen days. Months and days are not converted into each other.
_UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s", "segundo", "segundos"), ("second", 1)),
    **dict.fromkeys(("minute", "minutes", "min", "mins", "minuto", "minutos"), ("second", 60)),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h", "hora", "horas"), ("second", 3600)),
    **dict.fromkeys(("day", "days", "día", "días", "dia", "dias"), ("second", 86400)),
    **dict.fromkeys(("week", "weeks", "semana", "semanas"), ("second", 604800)),
    **dict.fromkeys(("month", "months", "mes", "meses"), ("month", 1)),
    **dict.fromkeys(("quarter", "quarters", "trimestre", "trimestres"), ("month", 3)),
    **dict.fromkeys(("year", "years", "yr", "yrs", "año", "años"), ("month", 12)),
    **dict.fromkeys(("decade", "decades", "década", "décadas"), ("month", 120)),
    **dict.fromkeys(
        ("mm", "millimeter", "millimeters", "millimetre", "millimetres", "milímetro", "milímetros"), ("metre", 0.001)
    ),
    **dict.fromkeys(
        ("cm", "centimeter", "centimeters", "centimetre", "centimetres", "centímetro", "centímetros"), ("metre", 0.01)
    ),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres", "metro", "metros"), ("metre", 1)),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres", "kilómetro", "kilómetros"), ("metre", 1000)),
    **dict.fromkeys(("mile", "miles", "mi", "milla", "millas"), ("mile", 1)),
    **dict.fromkeys(("foot", "feet", "ft", "pie", "pies"), ("foot", 1)),
    **dict.fromkeys(("inch", "inches", "pulgada", "pulgadas"), ("inch", 1)),
    **dict.fromkeys(("mg", "milligram", "milligrams", "miligramo", "miligramos"), ("gram", 0.001)),
    **dict.fromkeys(("g", "gram", "grams", "gramo", "gramos"), ("gram", 1)),
    **dict.fromkeys(("kg", "kilogram", "kilograms", "kilo", "kilos", "kilogramo", "kilogramos"), ("gram", 1000)),
    **dict.fromkeys(("ton", "tons", "tonne", "tonnes", "tonelada", "toneladas"), ("ton", 1)),
    **dict.fromkeys(("lb", "lbs", "pound", "pounds", "libra", "libras"), ("pound", 1)),
    **dict.fromkeys(("ml", "milliliter", "milliliters", "mililitro", "mililitros"), ("litre", 0.001)),
    **dict.fromkeys(("l", "liter", "liters", "litre", "litres", "litro", "litros"), ("litre", 1)),
    **dict.fromkeys(("kb",), ("byte", 1e3)),
    **dict.fromkeys(("mb", "megabyte", "megabytes"), ("byte", 1e6)),
    **dict.fromkeys(("gb", "gigabyte", "gigabytes"), ("byte", 1e9)),
    **dict.fromkeys(("tb", "terabyte", "terabytes"), ("byte", 1e12)),
    **dict.fromkeys(("w", "watt", "watts", "vatio", "vatios"), ("watt", 1)),
    **dict.fromkeys(("kw", "kilowatt", "kilowatts"), ("watt", 1000)),
    **dict.fromkeys(("v", "volt", "volts", "voltio", "voltios"), ("volt", 1)),
    **dict.fromkeys(("°c", "ºc"), ("celsius", 1)),
    **dict.fromkeys(("°f", "ºf"), ("fahrenheit", 1)),
    **dict.fromkeys(("%", "percent", "pct", "prozent", "pourcent"), ("percent", 1)),
    **dict.fromkeys(("pp", "p.p"), ("points", 1)),
    **dict.fromkeys(("€", "eur", "euro", "euros"), ("eur", 1)),
    **dict.fromkeys(("$", "usd", "us$", "dollar", "dollars", "dólar", "dólares"), ("usd", 1)),
    **dict.fromkeys(("£", "gbp"), ("gbp", 1)),
}
_PHRASES = (  # units of more than one word, longest first
    ("percentage points", "points"), ("percentage point", "points"), ("puntos porcentuales", "points"),
    ("punto porcentual", "points"), ("puntos básicos", "basis"), ("basis points", "basis"), ("per cent", "percent"),
    ("por ciento", "percent"), ("pour cent", "percent"), ("business day", "workday"), ("working day", "workday"),
    ("días hábiles", "workday"), ("días laborables", "workday"), ("día hábil", "workday"), ("día laborable", "workday"),
)  # fmt: skip
_EN = """zero one two three four five six seven eight nine ten eleven twelve
    thirteen fourteen fifteen sixteen seventeen eighteen nineteen"""
_ES = """cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce
    trece catorce quince dieciséis diecisiete dieciocho diecinueve veinte"""
_TENS_EN = {word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_TENS_ES = {word: 10 * n for n, word in enumerate("treinta cuarenta cincuenta sesenta setenta ochenta noventa".split(), 3)}
_HUNDREDS = {"hundred": 100, "cien": 100, "ciento": 100, "doscientos": 200, "trescientos": 300, "quinientos": 500}
_WORDS: dict[str, int] = {word: n for n, word in enumerate(_EN.split())}
_WORDS.update((word, n) for n, word in enumerate(_ES.split()))
_WORDS.update({"dieciseis": 16, "veintiuno": 21, "veintidós": 22, "veintitrés": 23, "veinticuatro": 24, "veinticinco": 25})
_WORDS.update({"veintiséis": 26, "veintisiete": 27, "veintiocho": 28, "veintinueve": 29, "una": 1, "un": 1, "single": 1})
_WORDS.update(_TENS_EN | _TENS_ES | _HUNDREDS | {"both": 2, "ambos": 2, "ambas": 2, "twice": 2, "couple": 2, "dozen": 12})
_WORDS.update({"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9})
_WORDS.update({"tenth": 10, "primero": 1, "primer": 1, "primera": 1, "segundo": 2, "segunda": 2, "tercer": 3, "tercero": 3})
_WORDS.update({"tercera": 3, "cuarto": 4, "cuarta": 4, "quinto": 5, "quinta": 5})
# Words that are numbers only sometimes; they may answer for a figure in the claim but are never asked for themselves.
_LOOSE = frozenset(
    """zero one uno una un cero single both ambos ambas twice couple dozen hundred second first third fourth fifth sixth seventh
    eighth ninth tenth primero primer primera segundo segunda tercer tercero tercera cuarto cuarta quinto quinta""".split()
)
MONTHS = {
    name: n
    for names in (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "januar februar märz april mai juni juli august september oktober november dezember",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    )
    for n, name in enumerate(names.split(), 1)
} | {"sept": 9, "setiembre": 9}
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DATE = re.compile(
    rf"""(?P<iso>\b(?P<iy>[12]\d{{3}})-(?P<im>\d{{1,2}})(?:-(?P<id>\d{{1,2}}))?\b(?!-))
    |(?P<slash>\b(?P<s1>\d{{1,2}})[/.](?P<s2>\d{{1,2}})[/.](?P<sy>\d{{4}}|\d{{2}})\b)
    |(?P<dmy>\b(?P<d1>\d{{1,2}})(?:st|nd|rd|th|\.|º|er)?\s+(?:de\s+|of\s+)?(?P<m1>{_MONTH})\b\.?
        (?:,?\s+(?:del?\s+)?(?P<y1>[12]\d{{3}}))?)
    |(?P<mdy>\b(?P<m2>{_MONTH})\b\.?\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?![.,:]\d)(?:,?\s+(?P<y2>[12]\d{{3}})\b)?)
    |(?P<my>\b(?P<m3>{_MONTH})\b\.?,?\s+(?:(?:de|del|of)\s+)?(?P<y3>[12]\d{{3}})\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_YEAR = re.compile(r"(?<![\w.,/$€£-])(?:1[5-9]|20)\d\d(?![\w%/]|[.,:]\d|\s*(?:%|€|\$))")
_CLOCK = re.compile(
    r"\b(?P<h>[01]?\d|2[0-4])(?::(?P<m>[0-5]?\d))(?::[0-5]\d)?(?:\s*(?P<ap>[ap])\.?\s?m\b\.?)?(?!\d)"
    r"|\b(?P<h2>1[0-2]|0?\d)\s*(?P<ap2>[ap])\.?\s?m\b\.?",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"(?<![\w#])(?P<cur>US\$|[$€£])?\s?(?P<sign>(?<!\S)[-−+])?"
    r"(?P<n>\d+(?:[.,'’\u00a0\u202f ]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?)(?![\d])"
    r"(?P<ord>st|nd|rd|th|º|ª)?(?P<tail>[^\W\d_]*)",
    re.IGNORECASE,
)
_LIST = re.compile(r"(?<![\w.,])\d{1,2}(?:,\d{1,2}){2,}(?![.,]?\d)")  # boxes 1,2,3
_NUMBER_WORD = re.compile(r"\b(" + "|".join(sorted(_WORDS, key=len, reverse=True)) + r")\b", re.IGNORECASE)
_AFTER = re.compile(r"[\s-]*(?P<word>[^\W\d_]+\.?|[%€$£°º]\w?)")
_HOURS = {"midnight": 0.0, "noon": 720.0, "midday": 720.0, "medianoche": 0.0, "mediodía": 720.0}
_HOUR = re.compile(r"\b(?:" + "|".join(_HOURS) + r")\b", re.IGNORECASE)
_APPROXIMATE = re.compile(
    r"(?:about|around|approximately|approx\.?|roughly|nearly|almost|over|more than|some|up to|under|less than|circa|ca\.|~|≈|"
    r"unos|unas|cerca de|casi|más de|menos de|aproximadamente|alrededor de|en torno a)\s*(?:de\s+)?[$€£]?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Quantity:
    """A number in a text: every value that its notation allows, its base unit ("" if none stands beside it), its place.

    `values` are without the unit, `factor` turns them into the base unit. `slack` is the difference that rounding or a word
    such as "about" excuses. `is_loose`: written as a word that need not be meant as a number ("one", "second").
    """

    values: frozenset[float]
    unit: str
    start: int
    end: int
    factor: float = 1.0
    is_word: bool = False
    is_loose: bool = False
    slack: float = 0.0

    def agrees(self, other: "Quantity") -> bool:
        """True if the other may be the same number: no clash of units, an equal value, or a fair rounding of it."""
        if self.unit != other.unit and self.unit and other.unit:
            return False
        mine, theirs = (self.factor, other.factor) if self.unit == other.unit else (1.0, 1.0)
        return any(_equal(a * mine, b * theirs, self.slack * mine) for a in self.values for b in other.values)


@dataclass(frozen=True)
class DateValue:
    """A date with the parts it states; `readings` holds (year, month, day) with 0 for what is not said."""

    readings: frozenset[tuple[int, int, int]]
    start: int
    end: int

    def agrees(self, other: "DateValue", years: Collection[int] = ()) -> bool:
        """True if the other states every part of this date; its missing year may be one of `years` said elsewhere."""
        return any(_covers(mine, theirs, years) for mine in self.readings for theirs in other.readings)


def find_dates(text: str) -> list[DateValue]:
    """Dates, month names with a year or a day, and bare years, in order."""
    found = []
    for match in _DATE.finditer(text):
        readings = frozenset(r for r in _readings(match) if r[1] <= 12 and r[2] <= 31)
        if readings:
            found.append(DateValue(readings, match.start(), match.end()))
    taken = [(date.start, date.end) for date in found]
    for match in _YEAR.finditer(text):
        if not _inside(match.start(), taken):
            found.append(DateValue(frozenset({(int(match.group()), 0, 0)}), match.start(), match.end()))
    return sorted(found, key=lambda date: date.start)


def find_quantities(text: str, language: str = "en", taken: Collection[tuple[int, int]] = ()) -> list[Quantity]:
    """Numbers and clock times outside the `taken` spans (dates, identifiers), in order."""
    found = []
    blocked = list(taken)
    for match in _CLOCK.finditer(text):
        if not _inside(match.start(), blocked):
            found.append(Quantity(_minutes(match), "clock", match.start(), match.end()))
            blocked.append((match.start(), match.end()))
    for match in _LIST.finditer(text):
        numbers = re.finditer(r"\d+", match.group())
        at = match.start()
        found.extend(Quantity(frozenset({float(n.group())}), "", at + n.start(), at + n.end()) for n in numbers)
        blocked.append(match.span())
    for match in _FIGURE.finditer(text):
        if not _inside(match.start("n"), blocked):
            quantity = _figure(text, match, language)
            if quantity is not None:
                found.append(quantity)
    found.extend(
        Quantity(frozenset({_HOURS[m[0].casefold()]}), "clock", *m.span(), 1.0, True, True) for m in _HOUR.finditer(text)
    )
    found.extend(_spelled(text, blocked, language))
    return sorted(found, key=lambda quantity: quantity.start)


def _figure(text: str, match: re.Match[str], language: str) -> Quantity | None:
    end = match.end("n")
    tail = match["tail"].casefold()
    if tail and tail not in _UNITS and tail not in _MAGNITUDES:
        return None  # "3D", "90s", "4x": a name more than a number
    if match["ord"]:
        return Quantity(_values(match["n"], language), "", match.start("n"), match.end("ord"))
    factor, unit, end = _unit_after(text, end, bool(match["cur"]))
    if match["cur"]:
        unit = _UNITS[match["cur"].casefold()]
    values = _values(match["n"], language)
    sign = -1.0 if match["sign"] in ("-", "−") else 1.0
    values = frozenset(sign * value * factor for value in values)
    start = match.start("cur") if match["cur"] else match.start("sign") if match["sign"] else match.start("n")
    near = bool(_APPROXIMATE.search(text[max(0, start - 24) : start]))
    slack = 0.05 * abs(max(values)) if near else 0.0
    if factor >= 1e6 and not values & {round(value / factor) * factor for value in values}:
        slack = max(slack, 0.05 * factor)  # "1.2 million" may stand for 1,234,567
    return Quantity(values, unit[0], start, end, unit[1], slack=slack)


def _spelled(text: str, blocked: list[tuple[int, int]], language: str) -> list[Quantity]:
    """Numbers in words: "twelve", "twenty-five", "two hundred", "dos mil"."""
    found: list[Quantity] = []
    for match in _NUMBER_WORD.finditer(text):
        if _inside(match.start(), blocked) or (found and match.start() < found[-1].end):
            continue
        word = match.group().casefold()
        if word == "once" and language != "es":
            continue  # eleven in Spanish alone
        value, end = float(_WORDS[word]), match.end()
        if word in _TENS_EN or word in _TENS_ES:
            more = re.match(r"(?:-|\s+y\s+|\s+)(\w+)", text[end:])
            if more and 0 < _WORDS.get(more[1].casefold(), 0) < 10 and more[1].casefold() not in ("first", "second"):
                value, end = value + _WORDS[more[1].casefold()], end + more.end()
        factor, unit, end = _unit_after(text, end, False)
        loose = word in _LOOSE and factor == 1
        found.append(Quantity(frozenset({value * factor}), unit[0], match.start(), end, unit[1], True, loose))
    return found


def _unit_after(text: str, end: int, has_currency: bool) -> tuple[float, tuple[str, float], int]:
    """Magnitude words and the unit that follow a number, and where they end."""
    factor = 1.0
    while word := _AFTER.match(text, end):
        token = word["word"].casefold().rstrip(".")
        glued = word.start("word") == end
        if token not in _MAGNITUDES or (len(token) == 1 and not (glued and (has_currency or token == "k"))):
            break
        if token in ("m", "mm", "b") and not has_currency:
            break
        factor, end = factor * _MAGNITUDES[token], word.start("word") + len(token)
    rest = text[end : end + 24].casefold()
    plain = re.sub(r"^(?:[\s-]+(?:de\s+|of\s+|calendar\s+)?)", "", rest)
    for phrase, unit in _PHRASES:
        if plain.startswith(phrase):
            return factor, (unit, 1), end + len(rest) - len(plain) + len(phrase)
    unit_word = re.match(r"[^\W\d_]+|[%€$£]|[°º]\s?[cf]\b", plain)
    token = unit_word.group().replace(" ", "") if unit_word else ""
    is_lone_letter = token in ("s", "v", "l", "m") and rest[:1] == " " and has_currency
    if token in _UNITS and not is_lone_letter:
        return factor, _UNITS[token], end + len(rest) - len(plain) + len(token)
    behind = re.match(r"[^\W\d_]+[ -]([^\W\d_]{3,})", plain)  # "nine unused days"
    if behind and rest[:1] in " -" and behind[1] in _UNITS:
        return factor, _UNITS[behind[1]], end
    return factor, ("", 1), end


def _values(digits: str, language: str) -> frozenset[float]:
    """Every value that a written number can have: 1.250 is 1250 in Spanish and may be 1.25 in English."""
    digits = re.sub(r"['’\u00a0\u202f ]", "", digits)
    marks = re.findall(r"[.,]", digits)
    if not marks:
        return frozenset({float(digits)})
    last = marks[-1]
    whole, _, decimals = digits.rpartition(last)
    as_decimal = float(re.sub(r"[.,]", "", whole) + "." + decimals)
    as_whole = float(re.sub(r"[.,]", "", digits))
    if len(set(marks)) == 2:
        return frozenset({as_decimal})
    if len(marks) > 1:
        return frozenset({as_whole})
    if len(decimals) != 3 or whole == "0" or len(whole) > 3:
        return frozenset({as_decimal})
    return frozenset({as_whole, as_decimal}) if last == ("." if language == "en" else ",") else frozenset({as_whole})


def _equal(a: float, b: float, slack: float) -> bool:
    return abs(a - b) <= max(slack, 1e-9 * max(abs(a), abs(b), 1.0))


def _minutes(match: re.Match[str]) -> frozenset[float]:
    hours = int(match["h"] or match["h2"])
    half = (match["ap"] or match["ap2"] or "").casefold()
    minutes = int(match["m"] or 0)
    if half:
        hours = hours % 12 + (12 if half == "p" else 0)
    return frozenset({float(hours % 24 * 60 + minutes)})


def _readings(match: re.Match[str]) -> list[tuple[int, int, int]]:
    if match["iso"]:
        return [(int(match["iy"]), int(match["im"]), int(match["id"] or 0))]
    if match["slash"]:
        year = int(match["sy"]) + (2000 if len(match["sy"]) == 2 else 0)
        return [(year, int(match["s2"]), int(match["s1"])), (year, int(match["s1"]), int(match["s2"]))]
    for month, day, y in (("m1", "d1", "y1"), ("m2", "d2", "y2")):
        if match[month]:
            return [(int(match[y] or 0), MONTHS[match[month].casefold()], int(match[day]))]
    return [(int(match["y3"]), MONTHS[match["m3"].casefold()], 0)]


def _covers(mine: tuple[int, int, int], theirs: tuple[int, int, int], years: Collection[int]) -> bool:
    if mine[0] and mine[0] != theirs[0] and (theirs[0] or mine[0] not in years):
        return False
    return all(not part or part == other for part, other in zip(mine[1:], theirs[1:], strict=True))


def _inside(position: int, spans: Collection[tuple[int, int]]) -> bool:
    return any(start <= position < end for start, end in spans)

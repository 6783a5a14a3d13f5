"""Change a sentence in one place so that its passage no longer supports it: figures, names, negation, words of degree.

Rules for English, Spanish and German. They make training data cheaply and not every change is a clean one; what is measured
with is labelled by people.
"""

import random
import re
from dataclasses import dataclass

_NUMBER = re.compile(r"(?<![\w.,-])\d{1,3}(?:[.,]\d{3})+(?![\w])|(?<![\w.,-])\d+(?:[.,]\d+)?(?![\w])")
_NAME = re.compile(
    r"(?<![.!?¿¡\"“«] )(?<!^)\b[A-ZÁÉÍÓÚÑÄÖÜ][\wáéíóúñäöüß'-]+(?:\s+(?:(?:of|de|del|von)\s+)?[A-ZÁÉÍÓÚÑÄÖÜ][\w'-]+){0,3}"
)
_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split(),
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
}
_NUMERALS = {
    "en": "two three four five six seven eight nine ten".split(),
    "es": "dos tres cuatro cinco seis siete ocho nueve diez".split(),
    "de": "zwei drei vier fünf sechs sieben acht neun zehn".split(),
}
_OPPOSITES = {
    "en": """more/less most/least before/after first/last all/some always/sometimes higher/lower larger/smaller greater/lesser
    increased/decreased increase/decrease rose/fell north/south east/west northern/southern eastern/western early/late
    above/below best/worst oldest/newest largest/smallest highest/lowest many/few every/no must/may won/lost accepted/rejected
    allowed/forbidden under/over inside/outside maximum/minimum earlier/later only/also million/billion kilometres/metres
    km/m hours/minutes days/weeks months/years percent/points""",
    "es": """más/menos antes/después primero/último primera/última todos/algunos todas/algunas siempre/"a veces" mayor/menor
    superior/inferior aumentó/disminuyó norte/sur este/oeste mejor/peor máximo/mínimo muchos/pocos muchas/pocas
    debe/puede deben/pueden ganó/perdió aceptó/rechazó permite/prohíbe dentro/fuera encima/debajo solo/también
    millones/miles horas/minutos días/semanas meses/años kilómetros/metros mínima/máxima temprano/tarde""",
    "de": """mehr/weniger vor/nach erste/letzte alle/einige immer/manchmal höher/niedriger größer/kleiner größte/kleinste
    Norden/Süden Osten/Westen früher/später viele/wenige muss/kann gewann/verlor über/unter nur/auch
    Millionen/Milliarden Stunden/Minuten Tage/Wochen Monate/Jahre""",
}
_VERBS = {
    "en": (
        re.compile(r"\b(is|are|was|were|can|could|will|would|has|have|had|may|must|should|did|does)\b(?! not)(?!n't)"),
        " not",
    ),
    "es": (
        re.compile(
            r"(?<!\bno )\b(es|son|fue|fueron|era|eran|está|están|puede|pueden|tiene|tienen|ha|han|había|hay|se|debe|deben|"
            r"permite|incluye|existe|existen|llegó|comenzó)\b",
            re.I,
        ),
        "no ",
    ),
    "de": (
        re.compile(r"\b(ist|sind|war|waren|kann|können|wird|werden|wurde|wurden|hat|haben|hatte|muss)\b(?! nicht)"),
        " nicht",
    ),
}
_DENIALS = {"en": re.compile(r"\s+not\b|n't\b"), "es": re.compile(r"\bno\s+", re.I), "de": re.compile(r"\s+nicht\b")}
_PARENTHESIS = re.compile(r"\s*\([^()]{3,80}\)")
_OPENING = re.compile(
    r"^(?:However|In addition|Moreover|Furthermore|Therefore|Also|For example|Sin embargo|Además|Por ejemplo|También),?\s+"
)
_TAIL = re.compile(r",\s+(?:which|who|where|while|although|que|quien|donde|aunque|mientras|wobei|während)\b[^,.]{8,120}\.$")


@dataclass(frozen=True)
class Changed:
    """A changed sentence; `text[start:end]` is what was put in, or the word that a left-out one belonged to."""

    text: str
    start: int
    end: int
    kind: str


def corrupt(sentence: str, passage: str, language: str, rng: random.Random) -> Changed | None:
    """Change one thing, or return None where no rule applies."""
    makers = [_number, _number, _name, _name, _swap, _negation, _opposite, _opposite, _month]
    rng.shuffle(makers)
    for make in makers:
        changed = make(sentence, passage, language if language in _VERBS else "en", rng)
        if changed is not None and changed.text != sentence:
            return changed
    return None


def lighten(sentence: str, rng: random.Random) -> str:
    """The sentence without an aside, an opening word or a trailing clause: still true, no longer verbatim."""
    found = sentence
    for pattern, put in ((_PARENTHESIS, ""), (_OPENING, ""), (_TAIL, ".")):
        if rng.random() < 0.7:
            found = pattern.sub(put, found)
    return found[:1].upper() + found[1:]


def _put(sentence: str, start: int, end: int, new: str, kind: str) -> Changed:
    return Changed(sentence[:start] + new + sentence[end:], start, start + len(new), kind)


def _number(sentence: str, passage: str, language: str, rng: random.Random) -> Changed | None:
    found = list(_NUMBER.finditer(sentence))
    words = [m for word in _NUMERALS[language] for m in re.finditer(rf"\b{word}\b", sentence)]
    if not found and not words:
        return None
    match = rng.choice([*found, *words])
    old = match.group()
    if not old[0].isdigit():
        new = rng.choice([word for word in _NUMERALS[language] if word != old])
        return _put(sentence, match.start(), match.end(), new, "number")
    others = sorted({m.group() for m in _NUMBER.finditer(passage)} - {m.group() for m in found})
    if others and rng.random() < 0.5:
        new = rng.choice(others)
    else:
        digits = [i for i, character in enumerate(old) if character.isdigit()]
        place = rng.choice(digits[1:] or digits)
        new = old[:place] + rng.choice([d for d in "123456789" if d != old[place]]) + old[place + 1 :]
    return _put(sentence, match.start(), match.end(), new, "number")


def _name(sentence: str, passage: str, language: str, rng: random.Random) -> Changed | None:
    found = [m for m in _NAME.finditer(sentence) if m.group() not in _MONTHS[language]]
    others = sorted({m.group() for m in _NAME.finditer(passage) if m.group() not in sentence})
    if not found or not others:
        return None
    match = rng.choice(found)
    n_words = len(match.group().split())
    alike = [name for name in others if len(name.split()) == n_words] or others
    return _put(sentence, match.start(), match.end(), rng.choice(alike), "name")


def _swap(sentence: str, passage: str, language: str, rng: random.Random) -> Changed | None:
    found = list(_NAME.finditer(sentence))
    if len(found) < 2:
        return None
    one, two = sorted(rng.sample(found, 2), key=lambda match: match.start())
    if one.group() in two.group() or two.group() in one.group() or re.search(r"^(?:,| and | y | und )", sentence[one.end() :]):
        return None
    middle = sentence[one.end() : two.start()]
    text = sentence[: one.start()] + two.group() + middle + one.group() + sentence[two.end() :]
    return Changed(text, one.start(), one.start() + len(two.group()), "relation")


def _negation(sentence: str, passage: str, language: str, rng: random.Random) -> Changed | None:
    denial = _DENIALS[language].search(sentence)
    if denial is not None:
        text = sentence[: denial.start()] + sentence[denial.end() :]
        start = max(denial.start() - 4, 0)
        return Changed(text, start, min(denial.start() + 4, len(text)), "negation")
    pattern, word = _VERBS[language]
    found = list(pattern.finditer(sentence))
    if not found:
        return None
    match = found[0]
    at = match.start() if language == "es" else match.end()
    return _put(sentence, at, at, word, "negation")


def _opposite(sentence: str, passage: str, language: str, rng: random.Random) -> Changed | None:
    pairs = [entry.replace('"', "").split("/") for entry in re.findall(r'(?:"[^"]*"|[^\s"])+', _OPPOSITES[language])]
    table = {one: other for a, b in pairs for one, other in ((a, b), (b, a))}
    found = [m for m in re.finditer(r"\w+", sentence) if m.group().lower() in table]
    if not found:
        return None
    match = rng.choice(found)
    new = table[match.group().lower()]
    new = new[:1].upper() + new[1:] if match.group()[0].isupper() else new
    return _put(sentence, match.start(), match.end(), new, "comparison")


def _month(sentence: str, passage: str, language: str, rng: random.Random) -> Changed | None:
    found = [m for month in _MONTHS[language] for m in re.finditer(rf"\b{month}\b", sentence)]
    if not found:
        return None
    match = rng.choice(found)
    new = rng.choice([month for month in _MONTHS[language] if month != match.group()])
    return _put(sentence, match.start(), match.end(), new, "date")

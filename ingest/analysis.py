"""Words of a text as the full-text index sees them: language, normal form, stem.

Used alike when chunks are indexed and when a question is asked; both sides must agree or nothing is found. It knows nothing
of stores or questions.
"""

import re
import threading
import unicodedata
from functools import lru_cache

import snowballstemmer
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from ingest.dates import numeric_days, written_days

# Raised whenever the same text gives other terms than before, so that stored chunks are indexed anew.
ANALYSIS_VERSION = 2

# Languages that the detector may answer. A short list keeps short questions from being taken for rare languages.
LANGUAGES = ("en", "es", "de", "fr", "it", "pt")
_STEMMERS = {"en": "english", "es": "spanish", "de": "german", "fr": "french", "it": "italian", "pt": "portuguese"}

_STOPWORDS = {
    "en": """a an the and or but if of to in on at by for from with without as is are was were be been being am do does did
        have has had having it its this that these those there here he she they them his her their i you we us our your my
        me him who whom which what when where why how not no nor so than then too very can could may might must shall should
        will would into onto about between during before after above below up down out over under again also any some all
        each such only own same s t re ve ll d""",
    "es": """el la los las un una unos unas lo al del de a ante bajo con contra desde en entre hacia hasta para por según sin
        sobre tras y e o u ni que qué quien quién quienes cual cuál cuales cuáles cuando cuándo donde dónde como cómo cuanto
        cuánto cuánta cuántos cuántas es son era eran fue fueron ser sido siendo está están estaba estaban estar ha han había
        haber hay he hemos se su sus le les me mi mis te tu tus nos nuestro nuestra este esta estos estas ese esa esos esas
        eso esto aquel aquella si sí no más muy ya también pero sino porque pues""",
    "de": """der die das den dem des ein eine einen einem einer eines und oder aber wenn von zu zum zur im in am an auf bei für
        mit ohne aus nach über unter vor durch um als wie ist sind war waren wird werden wurde wurden sein hat haben hatte
        hatten es er sie wir ihr ich du man sich nicht kein keine was wer wen wem wo wann warum welche welcher welches
        dieser diese dieses auch noch nur so dass daß""",
    "fr": """le la les un une des du de d l à au aux et ou mais en dans sur sous par pour avec sans est sont était étaient être
        été a ont avait avoir il elle ils elles on nous vous je tu se sa son ses leur leurs ce cet cette ces qui que quoi
        quel quelle quels quelles quand où comment pourquoi combien ne pas plus y""",
    "it": "il lo la i gli le un uno una di a da in con su per tra fra e o ma se che chi cui non è sono era del della dei al",
    "pt": "o a os as um uma de do da dos das em no na nos nas por para com sem e ou mas se que quem não é são foi ao à",
}
_FOLDED_STOPWORDS: dict[str, frozenset[str]] = {}
_WORD = re.compile(r"\d+(?:[.,]\d+)+(?!\w)|\w+(?:[-–'’./:@_]\w+)*|[€$£%]", re.UNICODE)
_PART = re.compile(r"[^\W_]+", re.UNICODE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)+")
_THOUSANDS = re.compile(r"[.,](?=\d{3}(?!\d))")
_APOSTROPHE = re.compile("['’]")
_CAPITALS = re.compile(r"(?<![^\W_])[A-Z]{2,}(?![^\W_])")
_lock = threading.Lock()
_identifier: list[LanguageIdentifier] = []


def detect_language(text: str) -> str:
    """Language code of `text`, one of LANGUAGES; "en" for text without letters."""
    sample = text[:4000]
    if not any(character.isalpha() for character in sample):
        return "en"
    with _lock:  # loading takes a tenth of a second and the identifier is not documented as thread-safe
        if not _identifier:
            identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
            identifier.set_languages(list(LANGUAGES))
            _identifier.append(identifier)
        return str(_identifier[0].classify(sample)[0])


def fold(text: str) -> str:
    """Casefold and drop accents: "Política" and "politica" become equal."""
    if text.isascii():
        return text.casefold()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def stopwords(language: str) -> frozenset[str]:
    """Function words of a language, folded; empty for a language without a list."""
    if language not in _FOLDED_STOPWORDS:
        _FOLDED_STOPWORDS[language] = frozenset(fold(word) for word in _STOPWORDS.get(language, "").split())
    return _FOLDED_STOPWORDS[language]


@lru_cache(maxsize=200_000)
def stem(word: str, language: str) -> str:
    """Snowball stem of a folded word; a word with a digit is left alone."""
    algorithm = _STEMMERS.get(language)
    if algorithm is None or not word.isalpha() or len(word) < 3:
        return word
    with _lock:  # one shared stemmer per language keeps state while it works
        return str(_stemmer(algorithm).stemWord(word))


@lru_cache(maxsize=16)
def _stemmer(algorithm: str) -> "snowballstemmer.stemmer":
    return snowballstemmer.stemmer(algorithm)


def terms(text: str, language: str) -> list[str]:
    """Index terms of `text`: folded, without function words, stemmed for `language`.

    A word with inner marks, such as `MX-4471-B`, gives the whole without marks and then its parts. Thousands separators are
    dropped and the decimal mark is a point, so that 1,250,000 and 1250000 are one term, and so are 2,5 and 2.5. A decimal that
    ends in zeros comes without them too: 27.50 is also 27.5, and version 1.10 stays told from 1.1. Days come also in the one
    notation of `ingest.dates`.
    """
    return [*_word_terms(text, language), *written_days(text)]


def _word_terms(text: str, language: str) -> list[str]:
    return [term for word in _WORD.findall(text) for term in _terms_of(word, language)]


@lru_cache(maxsize=200_000)  # words repeat: with it a text takes a third of the time
def _terms_of(word: str, language: str) -> tuple[str, ...]:
    days = numeric_days(word)
    if _NUMBER.fullmatch(word):
        number = _THOUSANDS.sub("", word).replace(",", ".")
        short = number.rstrip("0").rstrip(".") if number.count(".") == 1 else number
        return (*dict.fromkeys((number, short)), *days)
    stops = stopwords(language)
    folded = fold(word)
    if folded in stops:
        return ()
    parts = _PART.findall("'".join(piece for piece in _APOSTROPHE.split(folded) if piece not in stops))
    kept = [part for part in parts if part not in stops]
    stems = [stem(part, language) for part in kept]
    whole = parts if _is_code(word) else kept
    if len(whole) > 1:
        return ("".join(whole), *stems, *days)
    return tuple(stems) if kept or word not in "€$£%" else (word,)


def _is_code(word: str) -> bool:
    """True for `A-08` and `IT-Policy`, where what looks like a function word is part of a name; not for `peut-on`."""
    return any(map(str.isdigit, word)) or bool(_CAPITALS.search(word))


def content_terms(text: str, language: str) -> set[str]:
    """Distinct index terms of words that carry meaning: no function words, no single characters but digits."""
    return {term for term in _word_terms(text, language) if len(term) > 1 or term.isdigit()}

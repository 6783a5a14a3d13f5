"""Words of a text as the full-text index sees them: language, normal form, stem.

Used alike when chunks are indexed and when a question is asked; both sides must agree or nothing is found. It knows nothing
of stores or questions.
"""

import copy
import re
import threading
import unicodedata
from functools import lru_cache

import snowballstemmer
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from ingest.dates import numeric_days, written_days

# Raised whenever the same text gives other terms than before, so that stored chunks are indexed anew.
ANALYSIS_VERSION = 2

# Languages of short texts in Latin letters. A short list keeps short questions from being taken for rare languages.
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
_OTHER_SCRIPT = re.compile(r"[^\W\d_\u0000-\u02af\u1e00-\u1eff]")
# Scripts and the languages written in them that the detector tells apart, the first where it does not; kana before Han.
_SCRIPTS = (
    (re.compile("[\u3040-\u30ff]"), ("ja",)),
    (re.compile("[\uac00-\ud7af\u1100-\u11ff]"), ("ko",)),
    (re.compile("[\u3400-\u9fff]"), ("zh",)),
    (re.compile("[\u0400-\u04ff]"), ("ru", "uk", "be", "bg", "sr", "mk", "kk", "ky", "mn", "tg")),
    (re.compile("[\u0600-\u06ff]"), ("ar", "fa", "ur", "ps", "ug")),
    (re.compile("[\u0900-\u097f]"), ("hi", "mr", "ne")),
    (re.compile("[\u0370-\u03ff\u1f00-\u1fff]"), ("el",)),
    (re.compile("[\u0590-\u05ff]"), ("he",)),
    (re.compile("[\u0e00-\u0e7f]"), ("th",)),
    (re.compile("[\u0530-\u058f]"), ("hy",)),
    (re.compile("[\u10a0-\u10ff]"), ("ka",)),
    (re.compile("[\u1200-\u137f]"), ("am",)),
    (re.compile("[\u0980-\u09ff]"), ("bn",)),
    (re.compile("[\u0b80-\u0bff]"), ("ta",)),
    (re.compile("[\u0c00-\u0c7f]"), ("te",)),
)
_FEW_LETTERS, _SURE_OF_FEW = 20, 0.5  # a single word is taken for a language only if nothing else comes near
_MANY_LETTERS, _SURE_OF_MANY = 100, 0.95  # from so many letters on a text may be in a language beyond the short list
_NAMES = {"nn": "no", "zxx": ""}
_KANA_SHARE = 0.05  # of the letters: Japanese has more, Chinese hardly any
_lock = threading.Lock()
_identifiers: list[LanguageIdentifier] = []


def detect_language(text: str) -> str:
    """Language code of `text`; "en" for text without letters, or with too few to tell.

    Another script says its language whatever the length. In Latin letters a short text, as questions are, is in one of
    LANGUAGES, and a longer one in whatever language the detector is sure of.
    """
    sample = text[:4000]
    n_letters = sum(map(str.isalpha, sample))
    if not n_letters:
        return "en"
    with _lock:  # loading takes a tenth of a second and the identifier is not documented as thread-safe
        if not _identifiers:
            all_known = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
            few = copy.copy(all_known)  # reading the file is what takes long
            few.set_languages(list(LANGUAGES))
            _identifiers.extend((few, all_known))
        few, all_known = _identifiers
        if 2 * len(_OTHER_SCRIPT.findall(sample)) > n_letters and (written := _in_script(sample, n_letters, all_known)):
            return written
        language, share = few.classify(sample)
        if n_letters < _FEW_LETTERS and share < _SURE_OF_FEW:
            return "en"
        if n_letters >= _MANY_LETTERS:
            other, share = all_known.classify(sample)
            other = _NAMES.get(other, other)
            if other and share >= _SURE_OF_MANY:
                return str(other)
        return str(language)


def _in_script(sample: str, n_letters: int, identifier: LanguageIdentifier) -> str:
    """Language of the script that most letters are of, empty if it is none of those known."""
    counts = [len(script.findall(sample)) for script, _ in _SCRIPTS]
    most = counts.index(max(counts))
    if counts[0] > _KANA_SHARE * n_letters:
        most = 0
    if not counts[most]:
        return ""
    languages = _SCRIPTS[most][1]
    if len(languages) == 1:
        return languages[0]
    return next((code for code, _ in identifier.rank(sample) if code in languages), languages[0])


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

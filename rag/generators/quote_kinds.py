"""What kind of answer a question asks for (a number, a date, a person ...), and whether a sentence holds one that is new.

Word lists in English and Spanish, question words also in German and French. A question that no list knows expects nothing.
"""
# ruff: noqa: E501 - patterns read better whole than cut

import re
from functools import lru_cache

from ingest.analysis import fold

# Question words, matched in the folded question; the first that matches gives the kind.
_ASKS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("why", r"\bwhy\b|\bwhat (?:is|was) the (?:reason|cause)|\bpor que\b(?! (?:importe|precio|cantidad))|\bwarum\b|\bpourquoi\b"),
        (
            "money",
            r"\bhow much (?:does|do|did|is|was|will|would|must|money|for)\b.*\b(?:cost|pay|price|paid|charge|fee|spend|worth)|"
            r"\b(?:price|cost|fee|salary|budget|deposit)s? (?:of|for)\b|\bwhat does\b.*\bcost\b|\bhow much does\b|"
            r"\bcuanto (?:cuesta|vale|cuestan|valen|hay que pagar|se paga|cobra)|\bque (?:precio|importe|tarifa)|\ba cuanto\b|"
            r"\bwas kostet|\bwie teuer|\bcombien (?:coute|vaut)",
        ),
        (
            "duration",
            r"\bhow long\b|\bhow (?:much|many) (?:time|days|weeks|hours|minutes|months|years)\b|\bhow often\b|\bhow old\b|"
            r"\bcuanto tiempo|\bcuanto (?:dura|tarda)|\bcada cuanto|\bcuant[oa]s (?:dias|semanas|horas|minutos|meses|anos)\b|"
            r"\bque plazo|\bwie lange\b|\bwie viele (?:tage|wochen|stunden|minuten|monate|jahre)\b|\bcombien de (?:temps|jours|mois)",
        ),
        ("percent", r"\bper ?cent(?:age)?\b|\bwhat (?:share|proportion|fraction)\b|\bporcentaje\b|\bque proporcion\b|\bprozent"),
        (
            "number",
            r"\bhow (?:many|much|far|tall|high|deep|wide|large|big|fast|heavy|hot|cold)\b|\bwhat (?:number|quantity|amount|size|speed|"
            r"temperature|population|distance|capacity|weight|height)\b|\bwhich number\b|\bwhat (?:is|was|are) the (?:\w+ ){0,3}(?:capacity|"
            r"weight|height|length|width|diameter|speed|limit|maximum|minimum|number|range|accuracy|voltage|temperature)\b|\bcuant[oa]s?\b|\bque (?:cantidad|numero|"
            r"tamano|velocidad|temperatura|distancia|altura|profundidad|peso|capacidad)\b|\bwie ?viele?\b|\bwie (?:hoch|gross|weit|"
            r"schwer|tief|schnell)\b|\bcombien\b",
        ),
        (
            "when",
            r"\bwhen\b|\b(?:what|which) (?:year|date|day|month|century|decade|time|period)\b|\bcuando\b|\b(?:que|cual) (?:ano|fecha|"
            r"dia|mes|siglo|decada|hora)\b|\bwann\b|\bwelche[mns]? (?:jahr|tag|monat|jahrhundert)\w*|\bquand\b|\bquelle (?:annee|date)",
        ),
        ("where", r"\bwhere\b|\b(?:what|which) (?:city|country|state|town|place|location|continent|region)\b|\bdonde\b|\b(?:que|cual) "
                  r"(?:ciudad|pais|estado|lugar|region|continente)\b|\bwo\b|\bwohin\b|\bwelche[mnrs]? (?:stadt|land|ort)\w*"),
        ("who", r"\bwho(?:m|se)?\b|\bquien(?:es)?\b|\bwer\b|\bwen\b|\bwem\b|^qui\b"),
    )
)  # fmt: skip
KINDS = tuple(kind for kind, _ in _ASKS)
_FIGURES = frozenset(("money", "percent", "number"))

_NUMBER_WORDS = frozenset(
    """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
    twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million millions billion billions
    half third quarter twice once dozen dozens first second none no several both every each
    un una uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis diecisiete dieciocho
    diecinueve veinte veintiun veintiuno veinticuatro treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento cientos
    doscientos doscientas trescientos quinientos mil miles millon millones mitad tercio cuarto docena ninguno ninguna ningun ambos
    ein eine zwei drei vier funf sechs sieben acht neun zehn elf zwolf dreizehn vierzehn funfzehn sechzehn zwanzig dreissig vierzig
    funfzig sechzig hundert tausend million millionen milliarden halb halfte drittel viertel dutzend kein keine beide
    deux trois quatre cinq sept huit neuf dix onze douze treize quatorze quinze seize vingt trente quarante cinquante soixante cent
    mille millions moitie tiers quart douzaine aucun aucune""".split()
)
_INSTEAD = frozenset(
    """free charge nothing unlimited limit limits all entire full fully whole depends varies most few many gratis gratuito gratuita
    nada ilimitado ilimitada limite todo toda todos todas entero completo completa depende varia mayoria pocos muchos
    kostenlos umsonst nichts unbegrenzt alle ganz voll gratuit gratuite rien illimite tout toute tous""".split()
)
_MONTHS = frozenset(
    """january february march april may june july august september october november december monday tuesday wednesday thursday
    friday saturday sunday enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre lunes martes
    miercoles jueves viernes sabado domingo januar februar marz mai juni juli oktober dezember montag dienstag mittwoch
    donnerstag freitag samstag sonntag janvier fevrier mars avril juin juillet aout septembre octobre novembre decembre
    century centuries decade siglo siglos decada jahrhundert siecle today annually spring summer autumn winter christmas""".split()
)
_UNITS_OF_TIME = frozenset(
    """second seconds minute minutes hour hours day days week weeks month months year years decade decades century centuries
    segundo segundos minuto minutos hora horas dia dias semana semanas mes meses ano anos decadas siglos
    sekunden minuten stunde stunden tag tage tagen woche wochen monat monate monaten jahr jahre jahren
    heure heures jour jours semaine semaines mois an ans annee annees daily weekly monthly yearly always never""".split()
)
_REASONS = re.compile(
    r"\b(?:because|due to|since|so that|in order to|as a result|therefore|thus|reason|caused?|owing|to avoid|to prevent|leads?|led"
    r"|porque|debido|ya que|por lo que|para|a causa|puesto que|razon|causa\w*|weil|da|wegen|denn|damit|aufgrund|um|car|parce)\b"
)
_MONEY = re.compile(r"[€$£¥]|\b(?:euros?|dollars?|pounds?|eur|usd|gbp|cents?|dolares?|libras?|pesos?|pesetas?|yen|franc\w*)\b")
_PERCENT = re.compile(r"%|\bper ?cent\b|\bpor ciento\b|\bprozent\b|\bpour ?cent\b")
_YEAR = re.compile(
    r"(?<![\d.,])(?:1\d{3}|20\d\d)(?![\d,.]?\d)|\d(?:st|nd|rd|th)\b|\d{1,2}[:/.]\d{2}|\bs\. ?[xvi]+\b|\b(?:bc|ad|a\.c|d\.c)\b"
)
_NAME = re.compile(r"(?<![.!?:] )(?<!^)\b[A-ZÁÉÍÓÚÑÄÖÜ][\w'’.-]+|\b[A-Z]\w+ (?:de |of |van |von |la |the )?[A-Z]\w+")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")


@lru_cache(maxsize=4096)
def asked_kind(question: str) -> str:
    """Kind of answer that the question expects, one of KINDS; "" where no list knows."""
    folded = fold(question)
    return next((kind for kind, pattern in _ASKS if pattern.search(folded)), "")


@lru_cache(maxsize=4096)
def question_tokens(question: str) -> frozenset[str]:
    """Folded words and figures of a question: a sentence that only repeats them answers nothing."""
    return frozenset(_TOKEN.findall(fold(question)))


def lacks_figure(sentence: str, question: str) -> bool:
    """True where a question asks how many or how much, and the sentence has neither a number nor a word in its place."""
    if asked_kind(question) not in _FIGURES or "number" in kinds_in(sentence, question):
        return False
    return not _INSTEAD & set(_TOKEN.findall(fold(sentence)))


@lru_cache(maxsize=32768)
def kinds_in(sentence: str, question: str) -> frozenset[str]:
    """Kinds of answer that the sentence holds beyond the words of the question."""
    known = question_tokens(question)
    folded = fold(sentence)
    fresh = [token for token in _TOKEN.findall(folded) if token not in known]
    digits = any(token[0].isdigit() for token in fresh)
    number = digits or any(token in _NUMBER_WORDS for token in fresh)
    found = set()
    if number:
        found.add("number")
        if any(token in _UNITS_OF_TIME for token in _TOKEN.findall(folded)):
            found.add("duration")
        if _MONEY.search(folded):
            found.add("money")
        if _PERCENT.search(folded):
            found.add("percent")
    if any(token in _MONTHS for token in fresh) or any(
        any(part in fresh for part in _TOKEN.findall(match.group())) for match in _YEAR.finditer(folded)
    ):
        found.add("when")
    if any(any(part not in known for part in _TOKEN.findall(fold(match.group()))) for match in _NAME.finditer(sentence)):
        found |= {"who", "where"}
    if _REASONS.search(folded):
        found.add("why")
    return frozenset(found)

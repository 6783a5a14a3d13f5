"""Set phrases of answers in English, Spanish, German and French: talk that states nothing, and openings that lean back.

Word lists only. They say how a sentence opens, not what it means; a sentence that no list knows counts as a claim.
"""

import re

# "Sure!", "Hope this helps": courtesies, which no source can support.
_COURTESY = re.compile(
    r"""^(?:hi|hello|hey|sure|certainly|of\ course|absolutely|thanks?|thank\ you|you'?re\ welcome|great\ question|good\ question
    |i\ hope\ (?:this|that|it)\ helps?|hope\ (?:this|that)\ helps?|(?:please\ )?let\ me\ know\b.*|feel\ free\ to\b.*
    |(?:is|if)\ (?:there|you)\b.*\b(?:let\ me\ know|feel\ free|happy\ to\ help)\b.*|i'?m\ happy\ to\ help\b.*
    |good\ luck(?:\ with\b.{0,40})?|enjoy(?:\ your\b.{0,30})?|please\ (?:provide|share|clarify)\b.*
    |buena\ suerte|viel\ erfolg|bonne\ chance
    |(?:yes|no|yeah|sí|si|ja|nein|oui|non)
    |hola|claro(?:\ que\ sí)?|por\ supuesto|desde\ luego|gracias|de\ nada|buenos\ días|buenas\ (?:tardes|noches)|saludos
    |espero\ que\ (?:esto|te|le)\b.*|(?:no\ dudes?|no\ dude)\ en\b.*
    |hallo|guten\ tag|gerne|natürlich|selbstverständlich|danke|ich\ hoffe,?\ (?:das|dies)\b.*
    |bonjour|salut|bien\ sûr|merci|de\ rien|j'espère\ que\ cela\b.*|n'hésitez\ pas\b.*)[\s!.,]*$""",
    re.IGNORECASE | re.VERBOSE,
)
_SOURCE_EN = (
    r"(?:(?:the|these|those|any|none\ of\ the|your|this|that|all)\s+)?(?:(?:provided|given|available"
    r"|cited|retrieved|supplied|source|above)\s+)*"
    r"(?:documents?|sources?|passages?|context|text|excerpts?|information|materials?|articles?|documentation|files?)"
)
_SOURCE_ES = (
    r"(?:(?:los|las|el|la|estos|estas|este|esta|ningún|ninguno\ de\ los|ninguna\ de\ las)\s+)?"
    r"(?:documentos?|fuentes?|pasajes?|contexto|textos?|fragmentos?|información|artículos?|documentación|archivos?)"
)
_SOURCE_DE = (
    r"(?:(?:die|der|das|den|diese|keines\ der|in\ den)\s+)?(?:dokumente?n?|quellen?|passagen?|kontext"
    r"|texte?|unterlagen|informationen)"
)
_SOURCE_FR = (
    r"(?:(?:les|le|la|ces|ce|aucun\ des)\s+)?(?:documents?|sources?|passages?|contexte|textes?|extraits?|informations?)"
)
_SAY_EN = (
    r"(?:say|mention|contain|specify|provide|state|include|give|address|indicate|cover|discuss|describe"
    r"|answer|offer|have|explain|list|disclose|define|clarify|support)"
)
# "(Passage 3)", "This is stated in source 2": says where something stands, and nothing of the world.
_REFERENCE = re.compile(
    r"""^\W*(?:(?:this|that|it|the\ answer|the\ information)\s+(?:is|was|can\ be)\s+(?:\w+ly\s+)?
    (?:mentioned|stated|found|described|given|provided|explained|listed)\s+(?:in|by)\s+(?:the\s+)?
    |(?:ref(?:erence)?s?|see|source|from|siehe|ver|véase|fuente|quelle|voir)\b\W*)?
    (?:passages?|sources?|documents?|excerpts?|pasajes?|fuentes?|documentos?|quellen?|dokumente?)\W*
    \d{1,3}(?:\s*(?:,|;|&|and|or|y|o|und|oder|et|ou)\s*(?:passage|source|document|pasaje|fuente|documento)?\s*\d{1,3})*\W*$""",
    re.IGNORECASE | re.VERBOSE,
)
# What may stand before an admission: "Note that", "Therefore, based on the passages,".
_LEAD_EN = (
    r"(?:(?:\w+ly|however|therefore|thus|hence|so|overall|but|sorry|nevertheless|in\ (?:conclusion|summary|short)"
    r"|(?:please\ )?note|it\ should\ be\ noted|it\ is\ (?:important\ to\ note|worth\ noting))[,:]?\s+(?:that\s+)?)?"
    rf"(?:(?:based\ on\s+.{{0,80}}?|according\ to\s+{_SOURCE_EN}"
    r"|without\s+(?:additional|further|more|any)\s+(?:information|context|details?)\b.{0,60}?),\s*)?"
)
# "The documents do not say": an admission, not a claim about the world; nothing in a source can support or deny it.
_SILENCE = [
    re.compile(pattern, re.IGNORECASE | re.VERBOSE)
    for pattern in (
        rf"^(?:\w+,\s+)?{_LEAD_EN}{_SOURCE_EN}\b.{{0,60}}?\b(?:do(?:es)?\s+not|don['’]t"
        rf"|doesn['’]t|did\ not|cannot|never)\s+"
        rf"(?:\w+ly\s+)?{_SAY_EN}\b",
        rf"^(?:none\ of\ the|no)\s+{_SOURCE_EN}\b.{{0,40}}?\b{_SAY_EN}s?\b",
        r"^(?:\w+,\s+)?there\ (?:is|are|was)\ (?:no|not\ enough|insufficient)\s+(?:\w+"
        r"\s+){0,2}?(?:information|mention|details?|evidence|data|answer)\b",
        rf"^(?:sorry,?\s+)?{_LEAD_EN}(?:i|we)\s*(?:am|['’]m|was|were"
        r"|are)?\s*(?:could\s*n[o'’]t|couldn['’]t|can\s?not|can['’]t|did\ not|didn['’]t|do\ not|don['’]t"
        r"|unable|not\ able)\s+"
        r"(?:\w+\s+)?(?:to\s+)?(?:find|locate|answer|determine)\b",
        r"^(?:sorry,?\s+)?i\s+(?:cannot|can['’]t|do\ not|don['’]t)\s+(?:know|say|have\s+(?:\w+\s+){0,3}information)\b",
        rf"^{_LEAD_EN}(?:unable|not\ able|it\ is\ not\ possible|impossible)\ to\ (?:answer|determine|say|find)\b",
        r"^(?:this|that|it|the\ answer|the\ information)\s+is\s+not\s+(?:\w+\s+)?(?:mentioned|specified"
        r"|stated|provided|given|covered|included|available|found|clear)\b.{0,30}\b"
        r"(?:documents?|sources?|passages?|context|text|excerpts?)\b",
        rf"^(?:\w+,\s+)?{_SOURCE_ES}\b.{{0,60}}?\bno\s+(?:lo\s+|se\s+)?(?:dicen?|mencionan?|contienen?"
        rf"|especifican?|indican?|incluyen?|"
        r"proporcionan?|recogen?|aclaran?|detallan?|responden?|ofrecen?|hablan?|tratan?|explican?|precisan?|dan?|tienen?)\b",
        r"^(?:lo\ siento,?\s+)?(?:lamentablemente,?\s+)?(?:pero\s+)?no\s+(?:(?:se|he|hemos|puedo|podemos|pude|consigo)\s+){0,2}"
        r"(?:encuentro|encontré|encontrado|encontrar|encuentra|encontramos|hay|dispongo|tengo|existe|sé"
        r"|determinar|responder|menciona|especifica|indica)\b"
        r"(?=.{0,60}\b(?:informaci[óo]n|datos|documentos?|fuentes?|respuesta|respuestas|texto|contexto|pasajes?|menci[óo]n)\b)",
        r"^.{0,160}\bunable\ to\ answer\b.{0,20}\bbased\ on\ (?:the\ )?(?:given|provided|available)\s+"
        rf"{_SOURCE_EN}\W*$",
        rf"^.{{0,160}}\b(?:cannot|can['’]t|could\ not)\ be\ (?:determined|answered|inferred)\b.{{0,20}}"
        rf"\b(?:from|by|based\ on)\s+{_SOURCE_EN}\W*$",
        rf"^{_LEAD_EN}it\ is\ (?:impossible|not\ possible|difficult)\ to\ (?:\w+\ ){{0,4}}(?:answer|determine)\b.{{0,80}}"
        rf"\b{_SOURCE_EN}\W*$",
        rf"^{_SOURCE_DE}\b.{{0,40}}?\b(?:sagen?|sagt|enthalten|enthält|erwähnen|erwähnt|nennen|nennt|geben"
        rf"|gibt|machen|macht|beantworten)\b.{{0,80}}\b(?:nicht|nichts|kein\w*)\b",
        r"^(?:leider\s+)?(?:ich\s+(?:konnte|kann|habe)|dazu\s+(?:gibt|liegen)|es\s+gibt)\b.{0,60}\b(?:nicht"
        r"|nichts|keine\w*)\b.{0,60}\b(?:gefunden|finden|informationen|angaben|beantworten)\b",
        rf"^{_SOURCE_FR}\b.{{0,40}}?\bn(?:e\s+|['’])(?:\w+\s+)?(?:disent|dit|mentionnent|mentionne|contiennent"
        rf"|contient|précisent|précise|indiquent|indique|"
        r"fournissent|fournit|donnent|donne|parlent|parle|répondent|répond)\b",
        r"^(?:désolé,?\s+)?(?:malheureusement,?\s+)?je\s+n['’]ai\s+(?:pas|rien)\s+(?:pu\s+)?(?:trouv"
        r"|répond)\w*|^il\s+n['’]y\s+a\s+(?:pas|aucune?)\b.{0,20}\b(?:information|mention|réponse)",
    )
]
# What follows these words is said in spite of the silence, and must be checked.
_YET = re.compile(
    r"[,;]\s*(?:but|however|though|although|yet|so|therefore|thus|hence|which\ means|pero|sin\ embargo|aunque|así\ que"
    r"|por\ lo\ que|aber|jedoch|daher|deshalb|mais|cependant|donc)\b.*\w+\W+\w+\W+\w+",
    re.I | re.S,
)
_LEANING = frozenset(
    """it its they their them he she his her him this that these those such both also another there here then however moreover
    furthermore additionally afterwards otherwise instead meanwhile
    también además este esta esto estos estas ese esa eso esos esas aquel aquella él ella ellos ellas su sus lo ello ambos ambas
    tampoco asimismo luego después entonces allí ahí le les dicho dicha dichos dichas
    se es son está están tiene tienen incluye incluyen permite permiten puede pueden dura cuesta requiere requieren debe deben
    fue fueron era eran ha han había sirve cubre ofrece ofrecen consta aplica vence comienza empieza termina contiene
    pesa mide será
    er sie dies diese dieser dieses ihr ihre sein seine auch außerdem dort dabei dazu ebenso
    il elle ils elles ce cette ces cela ceci son sa ses leur leurs aussi également""".split()
)


def is_empty_talk(sentence: str) -> bool:
    """True for courtesies, bare references and "the documents do not say"; false where a "but" brings a statement after it."""
    sentence = " ".join(sentence.split())
    if _COURTESY.match(sentence) or _REFERENCE.match(sentence):
        return True
    return not _YET.search(sentence) and any(pattern.match(sentence) for pattern in _SILENCE)


def leans_on_context(sentence: str) -> bool:
    """True where the sentence opens with a word that points back: a pronoun, "also", a Spanish verb without subject."""
    words = re.findall(r"[^\W\d_]+", sentence.casefold(), re.UNICODE)[:2]
    if not words:
        return False
    if words[0] in {"de", "in", "at", "for", "by", "as", "with", "en", "con"} and len(words) > 1:
        return words[1] in _LEANING and words[1] not in {"es", "se", "son"}
    return words[0] in _LEANING

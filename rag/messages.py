"""The few words that the product itself says to a user, in the language of the question. English stands in for the others."""

from pathlib import PurePosixPath

from ingest.documents import NOWHERE, Location

# What a page of a file is called; of all others a page.
_PAGES = dict.fromkeys((".pptx", ".odp"), "slide") | dict.fromkeys((".xlsx", ".ods"), "sheet")
# What the labels of pages begin with that are names of their own.
_NAMED = ("sheet", "slide", "table")
# The signs of verdicts, which say the same without colour; the message "marked" explains them.
SIGNS = {"supported": "✓", "contradicted": "✗", "not_enough": "?"}
_MESSAGES = {
    "en": {
        "abstain": "The documents do not say.",
        "unknown": "I do not know.",
        "fallback": "Nothing the language model wrote could be verified; these are quotations from the documents instead.",
        "withheld": "{n} statement(s) withheld because the documents do not support them",
        "nearest": "Nearest passages",
        "marked": "Not all of this is in the documents: ✓ supported, ? not supported, ✗ the documents say otherwise",
        "unchecked": "NOT CHECKED: this is what the language model wrote; nothing of it was compared with the documents.",
        "suggestion": "not cited, but it supports this",
        "contradicted_by": "Another source says otherwise",
        "no_draft": "The language model gave no answer: {problem}",
        "failed": "The language model could not be used, and no sentence of the documents is sure to answer by itself.",
        "no_json": "The language model wrote no JSON that keeps to the schema.",
        "without": "The language model failed; this is what could be said without it, or was checked before.",
        "page": "p. {n}",
        "slide": "slide {n}",
        "sheet": "sheet {n}",
        "table": "table {n}",
        "row": "row {n}",
        "rows": "rows {first}–{last}",
        "left_out": "{n} passage(s) did not fit into the language model's prompt",
    },
    "es": {
        "abstain": "Los documentos no lo dicen.",
        "unknown": "No sé la respuesta.",
        "fallback": "Nada de lo que escribió el modelo de lenguaje se pudo comprobar; en su lugar, citas de los documentos.",
        "withheld": "{n} afirmación(es) retenida(s) porque los documentos no la(s) respaldan",
        "nearest": "Pasajes más cercanos",
        "marked": "No todo esto está en los documentos: ✓ respaldado, ? sin respaldo, ✗ los documentos dicen otra cosa",
        "unchecked": "SIN COMPROBAR: esto es lo que escribió el modelo de lenguaje; nada se ha cotejado con los documentos.",
        "suggestion": "no está citado, pero lo respalda",
        "contradicted_by": "Otra fuente dice otra cosa",
        "no_draft": "El modelo de lenguaje no dio respuesta: {problem}",
        "failed": "No se pudo usar el modelo de lenguaje, y ninguna frase de los documentos basta por sí sola.",
        "no_json": "El modelo de lenguaje no escribió ningún JSON que cumpla el esquema.",
        "without": "El modelo de lenguaje falló; esto es lo que se pudo decir sin él o se comprobó antes.",
        "page": "p. {n}",
        "slide": "diapositiva {n}",
        "sheet": "hoja {n}",
        "table": "tabla {n}",
        "row": "fila {n}",
        "rows": "filas {first}–{last}",
        "left_out": "{n} pasaje(s) no cupieron en la entrada del modelo de lenguaje",
    },
}


def message(key: str, language: str, **values: object) -> str:
    """One message, filled in."""
    return _MESSAGES.get(language, _MESSAGES["en"])[key].format(**values)


def part(document: str, page: int | None, language: str = "en", location: Location = NOWHERE) -> str:
    """Where in a document it is, as a reader of such files would say it: page, section and rows; empty if nothing is known."""
    told = [_page(document, page, language, location.label), location.section, _rows(location, language)]
    return ", ".join(filter(None, told))


def place(document: str, page: int | None, language: str = "en", location: Location = NOWHERE) -> str:
    """A document, and where in it as far as that is known."""
    return ", ".join(filter(None, (document, part(document, page, language, location))))


def _page(document: str, page: int | None, language: str, label: str) -> str:
    """A sheet, slide or table goes by its name; a page by its number, with the name that is printed on it."""
    kind, _, name = label.partition(" ")
    if name and kind in _NAMED:
        return message(kind, language, n=name)
    if page is None:
        return label
    number = message(_PAGES.get(PurePosixPath(document).suffix.lower(), "page"), language, n=page)
    return f"{number} ({name})" if kind == "page" and name else number


def _rows(location: Location, language: str) -> str:
    numbers = [row.first for row in location.rows]
    if not numbers:
        return ""
    first, last = min(numbers), max(numbers)
    return message("row", language, n=first) if first == last else message("rows", language, first=first, last=last)


def is_message(key: str, text: str) -> bool:
    """Say whether `text` is that message in one of the languages."""
    return any(messages[key] == text for messages in _MESSAGES.values())

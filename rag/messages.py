"""The few words that the product itself says to a user, in the language of the question. English stands in for the others."""

_MESSAGES = {
    "en": {
        "abstain": "The documents do not say.",
        "fallback": "Nothing the language model wrote could be verified; these are quotations from the documents instead.",
        "withheld": "{n} statement(s) withheld because the documents do not support them",
        "nearest": "Nearest passages",
    },
    "es": {
        "abstain": "Los documentos no lo dicen.",
        "fallback": "Nada de lo que escribió el modelo de lenguaje se pudo comprobar; en su lugar, citas de los documentos.",
        "withheld": "{n} afirmación(es) retenida(s) porque los documentos no la(s) respaldan",
        "nearest": "Pasajes más cercanos",
    },
}


def message(key: str, language: str, **values: object) -> str:
    """One message, filled in."""
    return _MESSAGES.get(language, _MESSAGES["en"])[key].format(**values)


def is_message(key: str, text: str) -> bool:
    """Say whether `text` is that message in one of the languages."""
    return any(messages[key] == text for messages in _MESSAGES.values())

import json

import pytest

from ingest.analysis import detect_language, fold, terms


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How many days of leave can be carried over?", "en"),
        ("¿Cuántos días de vacaciones tengo?", "es"),
        ("Wie viele Urlaubstage habe ich?", "de"),
        ("Combien de jours de congé ai-je ?", "fr"),
        ("12345", "en"),
        ("", "en"),
    ],
)
def test_language_of_short_texts(text, language):
    assert detect_language(text) == language


def test_accents_and_case_do_not_matter():
    assert fold("POLÍTICA") == fold("politica")
    assert terms("Política de Viajes", "es") == terms("politica de viajes", "es")


def test_inflected_forms_meet_in_their_own_language():
    assert terms("policies", "en") == terms("policy", "en")
    assert terms("vacaciones", "es") == terms("vacación", "es")


def test_function_words_are_dropped():
    assert terms("the of and", "en") == []
    assert terms("de la y", "es") == []


@pytest.mark.parametrize("written", ["1,250,000", "1.250.000", "1250000"])
def test_thousands_separators_do_not_matter(written):
    assert terms(written, "en") == ["1250000"]


def test_decimal_marks_do_not_matter():
    assert terms("2,5", "es") == terms("2.5", "en") == ["2.5"]


def test_identifiers_are_found_whole_and_by_their_parts():
    found = terms("MX-4471-B", "en")
    assert found[0] == "mx4471b"
    assert "4471" in found
    assert terms("mx4471b", "en")[0] == "mx4471b"


def test_terms_survive_the_blank_separated_index():
    words = terms("Ünïcode — tëxt, with 'quotes' / slashes\tand\nlines", "en")
    assert words == json.loads(json.dumps(" ".join(words))).split()

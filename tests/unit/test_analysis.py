import json
import re

import pytest

from ingest.analysis import content_terms, detect_language, fold, terms


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How many days of leave can be carried over?", "en"),
        ("¿Cuántos días de vacaciones tengo?", "es"),
        ("Wie viele Urlaubstage habe ich?", "de"),
        ("Combien de jours de congé ai-je ?", "fr"),
        ("12345", "en"),
        ("", "en"),
        ("A-08", "en"),
        ("OK", "en"),
        ("Rotterdam", "en"),
        ("¿Vacaciones?", "es"),
        ("Kündigungsfrist", "de"),
    ],
)
def test_language_of_short_texts(text, language):
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Сколько дней отпуска?", "ru"),
        ("Скільки днів відпустки має працівник?", "uk"),
        ("有給休暇は何日ですか", "ja"),
        ("年假有多少天", "zh"),
        ("휴가는 며칠입니까", "ko"),
        ("كم يوم إجازة", "ar"),
        ("Πόσες ημέρες άδειας", "el"),
        ("כמה ימי חופשה", "he"),
        ("מה זה USB?", "he"),
    ],
)
def test_another_script_is_never_forced_into_the_short_list(text, language):
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (
            "De werknemer heeft recht op vijfentwintig vakantiedagen per jaar en moet deze vóór het einde van het jaar nemen. "
            "Niet opgenomen dagen vervallen in maart van het volgende jaar, behalve bij ziekte.",
            "nl",
        ),
        (
            "Pracownik ma prawo do dwudziestu pięciu dni urlopu rocznie i powinien wykorzystać je przed końcem roku. "
            "Niewykorzystane dni przepadają w marcu następnego roku.",
            "pl",
        ),
        (
            "The valve opens at forty bar. Employees get 25 days of leave. Ask HR about how to carry over days that are not "
            "used by the end of the year, up to five.",
            "en",
        ),
    ],
)
def test_a_longer_text_has_its_own_language(text, language):
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


@pytest.mark.parametrize(
    ("code", "language", "whole"),
    [
        ("A-08", "en", "a08"),
        ("a-08", "en", "a08"),
        ("IT-2041", "en", "it2041"),
        ("IS-Norm", "en", "isnorm"),
        ("AS/400", "en", "as400"),
        ("I-9", "en", "i9"),
        ("l'A-08", "fr", "a08"),
        ("Y-12", "es", "y12"),
    ],
)
def test_a_code_that_begins_like_a_function_word_stays_whole(code, language, whole):
    found = terms(code, language)
    assert found[0] == whole
    assert len(found) == 2, "what looks like a function word is no term by itself"
    assert terms(whole.upper(), language) == [whole]


def test_function_words_inside_words_make_no_other_words():
    assert terms("the company's and/or it's", "en") == terms("company", "en")
    assert terms("l'entreprise peut-on", "fr") == terms("entreprise peut", "fr")


@pytest.mark.parametrize(
    ("written", "asked"), [("27.50", "27.5"), ("1.800,00", "1800"), ("1,800.00", "1800"), ("2,0", "2"), ("0.50", "0,5")]
)
def test_zeros_at_the_end_of_a_decimal_do_not_matter(written, asked):
    assert set(terms(written, "en")) & set(terms(asked, "en"))


def test_versions_that_differ_by_a_zero_stay_apart():
    assert "1.10" in terms("version 1.10", "en")
    assert "1.10" not in terms("version 1.1", "en")
    assert terms("10.20.30", "en") == ["10.20.30"]


@pytest.mark.parametrize(
    "written",
    [
        "9 February 2026",
        "on the 9th of February, 2026",
        "February 9, 2026",
        "Feb. 9th 2026",
        "2026-02-09",
        "2026-02-09T10:15:00",
        "2026/02/09",
        "9.2.2026",
        "09.02.2026",
        "09/02/2026",
        "02/09/2026",
        "9 de febrero de 2026",
        "9 de febrero del 2026",
        "9. Februar 2026",
        "lundi 9 février 2026",
        "9 febbraio 2026",
        "9 de fevereiro de 2026",
        "9\u00a0February\n2026",
    ],
)
def test_a_day_is_one_term_in_every_notation(written):
    for language in ("en", "de", "es"):
        assert "d20260209" in terms(f"It began ({written}).", language)


def test_days_in_figures_that_can_be_read_in_two_ways_are_both():
    assert [term for term in terms("02/03/2026", "en") if term[0] == "d"] == ["d20260302", "d20260203"]
    assert [term for term in terms("25/03/2026", "en") if term[0] == "d"] == ["d20260325"]


@pytest.mark.parametrize(
    "text",
    ["February 2026", "9 February", "31 meetings 2026", "45 March 2026", "13/25/2026", "1.9 May 2026"],
)
def test_what_names_no_day_gives_no_term_of_one(text):
    assert not any(re.fullmatch(r"d\d{8}", term) for term in terms(text, "en"))


def test_a_day_counts_as_the_words_that_name_it():
    assert content_terms("9 February 2026", "en") == {"9", "februari", "2026"}


def test_terms_survive_the_blank_separated_index():
    words = terms("Ünïcode — tëxt, with 'quotes' / slashes\tand\nlines", "en")
    assert words == json.loads(json.dumps(" ".join(words))).split()

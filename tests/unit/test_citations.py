from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.citations import parse_answer, strip_markers

IDS = ("1", "2", "s1")


def texts(answer, ids=IDS, **options):
    return [claim.text for claim in parse_answer(answer, ids, **options)]


def markers(answer, ids=IDS, **options):
    return [claim.markers for claim in parse_answer(answer, ids, **options)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The limit is 14 days [1].", [("1",)]),
        ("The limit is 14 days. [1] It can be extended. [2]", [("1",), ("2",)]),
        ("The limit is 14 days.[1] It can be extended.[2]", [("1",), ("2",)]),
        ("The limit is 14 days [1, 2].", [("1", "2")]),
        ("The limit is 14 days [1][2].", [("1", "2")]),
        ("The limit is 14 days 【1】.", [("1",)]),
        ("The limit is 14 days [ s1 ].", [("s1",)]),
        ("[1] The limit is 14 days.\n[2] Refunds take a week.", [("1",), ("2",)]),
        ("The limit is 14 days.", [()]),
        ("El plazo es de 14 días [1]. También hay reembolso [2].", [("1",), ("2",)]),
        ("- Apples are red [1]\n- Pears are green [2]", [("1",), ("2",)]),
    ],
)
def test_markers_go_to_the_sentence_they_follow(answer, expected):
    assert markers(answer) == expected


def test_a_bracket_that_names_no_source_is_text():
    (claim,) = parse_answer("The rule [sic] of 2019 [7] holds [1, x].", IDS)
    assert claim.markers == () and claim.unresolved == ()
    assert claim.text == "The rule [sic] of 2019 [7] holds [1, x]."


def test_strict_markers_report_numbers_that_name_no_source():
    (claim,) = parse_answer("The limit is 14 days [1][7].", {"1"}, strict_markers=True)
    assert claim.markers == ("1",) and claim.unresolved == ("7",)


def test_strict_markers_leave_words_in_brackets_alone():
    (claim,) = parse_answer("The rule [sic] holds today.", {"1"}, strict_markers=True)
    assert claim.unresolved == ()


def test_clauses_that_cite_differently_are_taken_apart():
    assert texts("The fee is five euros [1] and the term is six weeks [2].") == [
        "The fee is five euros [1]",
        "the term is six weeks [2].",
    ]
    assert markers("La tasa es de 5 euros [1] y el plazo es de 6 semanas [2].") == [("1",), ("2",)]


def test_an_enumeration_is_not_cut_into_fragments():
    assert markers("We have offices in Madrid [1], Paris [2].") == [("1", "2")]


@pytest.mark.parametrize(
    "answer",
    [
        "# Returns",
        "**Returns**",
        "Hello!",
        "¡Hola!",
        "Of course!",
        "I hope this helps!",
        "Which plan do you mean?",
        "¿Qué plan tiene?",
        "The conditions are:",
        "[1]",
        "---",
        "The documents do not say when the office opens.",
        "Note that the passages do not mention a price.",
        "Therefore, I am unable to answer the question based on the provided passages.",
        'So I must reply with: "Unable to answer based on given passages."',
        "The price cannot be determined from the documents.",
        "(Passage 3)",
        "This is stated in source 2.",
        "Fuente: documento 4",
        "Good luck!",
        "The provided documents do not mention a price.",
        "There is no information about this in the sources.",
        "I could not find an answer in the documents.",
        "Los documentos no mencionan el precio.",
        "No encuentro información sobre esto en los documentos.",
        "Die Dokumente sagen dazu nichts.",
        "Les documents ne précisent pas le prix.",
    ],
)
def test_what_states_nothing_is_no_claim(answer):
    assert texts(answer) == []


@pytest.mark.parametrize(
    "answer",
    [
        "The documents do not mention a price, but the term is six weeks.",
        "The documents do not mention a price, so the term is six weeks.",
        "Document 3 was signed in May.",
        "Note that the filter must be changed.",
        "Please press the button twice.",
        "Engineers could not determine the cause.",
        "It is stated in section 4 that the fee is 12 euros.",
        "Los documentos no mencionan el precio, pero el plazo es de seis semanas.",
        "We do not have offices in Paris.",
        "We cannot provide refunds after 14 days.",
        "No se admiten devoluciones.",
        "The text of the law does apply to companies.",
    ],
)
def test_what_states_something_is_a_claim(answer):
    assert texts(answer) == [answer]


def test_table_rows_are_claims_and_lean_on_their_header():
    claims = parse_answer("| Plan | Price |\n|---|---|\n| Basic | 5 euros [1] |\n| Plus | 9 euros [2] |", IDS)
    assert [claim.markers for claim in claims] == [("1",), ("2",)]
    assert claims[0].text.startswith("Basic") and claims[0].context == "Plan | Price"


@pytest.mark.parametrize(
    ("answer", "context"),
    [
        ("The pump weighs 3 kg. It also floats.", "The pump weighs 3 kg."),
        ("La bomba pesa 3 kg. También flota.", "La bomba pesa 3 kg."),
        ("La bomba pesa 3 kg. Tiene dos años de garantía.", "La bomba pesa 3 kg."),
        ("The pump weighs 3 kg. The motor is loud.", ""),
    ],
)
def test_a_claim_that_leans_back_has_its_context(answer, context):
    assert parse_answer(answer, IDS)[1].context == context


def test_list_items_lean_on_their_lead_in():
    claims = parse_answer("Refunds need:\n- a receipt [1]\n- the box [2]", IDS)
    assert [claim.text for claim in claims] == ["a receipt", "the box"]
    assert [claim.markers for claim in claims] == [("1",), ("2",)]
    assert {claim.context for claim in claims} == {"Refunds need:"}


def test_strip_takes_markers_and_the_blank_before_them():
    answer = "The limit is 14 days [1]. It can be extended. [2] Ask ([1]) first."
    text, claims = strip_markers(answer, parse_answer(answer, IDS))
    assert text == "The limit is 14 days. It can be extended. Ask first."
    assert [claim.text for claim in claims] == ["The limit is 14 days.", "It can be extended.", "Ask first."]
    assert [claim.markers for claim in claims] == [("1",), ("2",), ("1",)]


pieces = st.sampled_from(
    [
        "The fee is 5 euros",
        " [1]",
        "[2]",
        "【1】",
        " [9]",
        ". ",
        "\n",
        "- ",
        "¿Qué?",
        " y ",
        " | ",
        "[",
        "]",
        "El plazo vence",
        "(",
        ")",
        ":",
    ]
)


@given(st.lists(pieces, max_size=25).map("".join), st.booleans())
def test_claims_are_slices_in_order_and_strip_leaves_no_marker(answer, strict):
    claims = parse_answer(answer, {"1", "2"}, strict_markers=strict)
    assert all(answer[claim.start : claim.end] == claim.text for claim in claims)
    assert all(a.end <= b.start for a, b in pairwise(claims))
    text, moved = strip_markers(answer, claims, ids={"1", "2"}, strict_markers=strict)
    assert all(text[claim.start : claim.end] == claim.text for claim in moved)
    assert "[1]" not in text and "[2]" not in text and "【1】" not in text
    assert not strict or "[9]" not in text


@given(st.text(max_size=200))
def test_any_text_can_be_parsed(answer):
    assert all(answer[claim.start : claim.end] == claim.text for claim in parse_answer(answer, IDS))


@pytest.mark.parametrize(
    ("text", "claims"), [("1.\n2.", []), ("1. 2.", []), ("1. 2. 3.", []), ("12.", ["12."]), ("2.\n3. 140 euros", ["140 euros"])]
)
def test_an_empty_list_claims_nothing(text, claims):
    assert [claim.text for claim in parse_answer(text, ["1"])] == claims

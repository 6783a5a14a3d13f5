"""What users rely on in the voice without a language model: the right sentence, exact slices, silence where nothing answers."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.analysis import detect_language
from rag.answers import Passage
from rag.generators import Draft, Request
from rag.generators.quote import QuoteGenerator, _worth_a_look
from rag.generators.quote_kinds import asked_kind, kinds_in, lacks_figure
from rag.generators.quote_reading import MAX_QUOTE_CHARS, read_passage


def passage(text: str, context: str = "", language: str = "en", rank: int = 1) -> Passage:
    return Passage(
        chunk=f"c{rank}", document=f"d{rank}.md", start=0, end=len(text), text=text, page=None, score=1.0 / rank, rank=rank,
        context=context, language=language,
    )  # fmt: skip


def passages(*texts: tuple[str, str] | str, language: str = "en") -> list[Passage]:
    pairs = [(text, "") if isinstance(text, str) else text for text in texts]
    return [passage(text, context, language, rank) for rank, (text, context) in enumerate(pairs, start=1)]


def ask(question: str, found: Sequence[Passage], language: str = "en", **options: object) -> list[str]:
    """The quoted words, [] where the generator declined."""
    draft = QuoteGenerator(**options).generate(Request(question, found, language))  # type: ignore[arg-type]
    assert draft.declined == (not draft.quotes)
    assert draft.text == ""
    return [found[quote.passage].text[quote.start : quote.end] for quote in draft.quotes]


RETURNS = (
    "Direct customers may return unused goods within 30 days of delivery. Dealers may return unused goods within 14 days of "
    "delivery. The buyer pays the postage. A restocking fee of 12 % is kept back.",
    "Returns policy",
)
DEVOLUCIONES = (
    "Los clientes directos pueden devolver los productos en un plazo de 30 días desde la entrega. Los distribuidores pueden "
    "devolver los productos en un plazo de 14 días. El comprador paga el transporte.",
    "Política de devoluciones",
)
OFFICES = (
    "The company was founded in 2009 by Helena Brandqvist in Port Ellard. The warehouse in Tessmouth opened in 2014. "
    "Today 214 people work there.",
    "About us",
)


class TestRightSentence:
    def test_near_miss_in_the_same_passage(self) -> None:
        assert ask("Within how many days may dealers return unused goods?", passages(RETURNS, OFFICES)) == [
            "Dealers may return unused goods within 14 days of delivery."
        ]

    def test_the_other_near_miss(self) -> None:
        first = ask("Within how many days may direct customers return unused goods?", passages(RETURNS, OFFICES))[0]
        assert first.startswith("Direct customers may return unused goods within 30 days")

    def test_spanish_near_miss(self) -> None:
        found = ask(
            "¿En qué plazo pueden devolver los productos los distribuidores?", passages(DEVOLUCIONES, language="es"), "es"
        )
        assert found[0].startswith("Los distribuidores pueden")

    def test_answer_in_a_lower_passage(self) -> None:
        found = ask("When did the warehouse in Tessmouth open?", passages(RETURNS, OFFICES))
        assert found == ["The warehouse in Tessmouth opened in 2014."]

    def test_kind_of_answer_decides_between_equal_words(self) -> None:
        text = "The harbour bridge was built by engineer Anna Holm. The harbour bridge was built in 1931."
        assert ask("When was the harbour bridge built?", passages(text))[0] == "The harbour bridge was built in 1931."
        assert ask("Who built the harbour bridge?", passages(text))[0].endswith("Anna Holm.")

    def test_heading_says_what_the_sentence_is_about(self) -> None:
        first = ("A full charge takes 3.5 hours in the dock.", "Corvo 200 data sheet > Charging")
        second = ("A full charge takes 4.5 hours in the dock.", "Corvo 300 data sheet > Charging")
        assert ask("How long does a full charge of the Corvo 300 take in the dock?", passages(first, second))[0] == second[0]

    def test_accents_and_capitals_do_not_matter(self) -> None:
        found = ask("cuando es el periodo de prueba en la compañia y cuanto dura", passages(
            "El período de prueba en la Compañía dura seis meses.", language="es"), "es")  # fmt: skip
        assert found == ["El período de prueba en la Compañía dura seis meses."]


class TestDeclines:
    def test_no_passages(self) -> None:
        assert QuoteGenerator().generate(Request("What?", [], "en")) == Draft(declined=True)

    def test_empty_question(self) -> None:
        assert ask("", passages(RETURNS)) == []

    def test_unrelated_question(self) -> None:
        assert ask("Who won the chess championship in Reykjavik?", passages(RETURNS, OFFICES)) == []

    def test_unrelated_question_spanish(self) -> None:
        assert ask("¿Quién ganó el campeonato de ajedrez de Reikiavik?", passages(DEVOLUCIONES, language="es"), "es") == []

    def test_model_number_of_another_product(self) -> None:
        text = ("The battery pack has a capacity of 5,200 mAh.", "Corvo 200 data sheet")
        assert ask("What is the capacity of the battery pack of the Corvo 300?", passages(text)) == []

    def test_identifier_that_stands_nowhere(self) -> None:
        found = passages("The battery pack KX-2210-B costs €96.40.", "The battery pack KX-2310-B costs €131.00.")
        assert ask("What does the battery pack KX-9999-B cost?", found) == []

    def test_identifier_that_stands_nowhere_spanish(self) -> None:
        found = passages("El juego de botellas KX-4460-V cuesta 96,40 €.", language="es")
        assert ask("¿Cuánto cuesta el juego de botellas KX-7777-V?", found, "es") == []

    def test_year_that_stands_nowhere(self) -> None:
        found = passages(("The hotel limit is €160 a night.", "Travel policy 2026"))
        assert ask("What was the hotel limit a night in 2019?", found) == []

    def test_threshold_is_the_callers_to_set(self) -> None:
        found = passages(RETURNS)
        assert ask("Within how many days may dealers return unused goods?", found, threshold=1.01) == []
        assert ask("Who won the chess championship?", found, threshold=0.0) != []


class TestTables:
    TABLE = (
        "| Group | Paid days a year |\n|---|---|\n| Office staff | 26 days |\n| Warehouse shift staff | 28 days |\n",
        "Leave policy > Annual leave",
    )

    def test_row_with_the_credit_of_its_header(self) -> None:
        assert ask("How many paid days a year do warehouse shift staff get?", passages(self.TABLE)) == [
            "| Warehouse shift staff | 28 days |"
        ]

    def test_header_row_and_rule_are_no_quotes(self) -> None:
        units = read_passage(*self.TABLE, "en").units
        assert [unit.text for unit in units] == ["| Office staff | 26 days |", "| Warehouse shift staff | 28 days |"]

    def test_row_of_a_table_without_rule_spanish(self) -> None:
        table = "Servicio | Referencia | Precio\nHora de técnico | SV-010 | 62,50 €\nHora de viaje | SV-011 | 48,00 €"
        found = ask(
            "¿Qué precio tiene la hora de técnico?",
            passages((table, "Tarifa de servicios"), language="es"),
            "es",
            threshold=0.5,
        )
        assert found == ["Hora de técnico | SV-010 | 62,50 €"]

    def test_table_with_a_line_for_each_cell(self) -> None:
        table = (
            "Technical data\nProperty\nValue\nRunning time on one pack\nabout 26 hours\nWeight with battery pack\n815 g\n"
            "Internal memory\n50,000 readings\nThe values were measured at room temperature with the display at half brightness."  # noqa: E501
        )
        found = ask("What is the weight with battery pack?", passages((table, "Corvo 300 data sheet")))
        assert found == ["Weight with battery pack\n815 g"]


class TestLists:
    KIT = "Parts\n\nThe travel kit contains:\n\n- two probes\n- a cable of 3 m\n- a soft bag\n\nThe kit weighs 2 kg."

    def test_lead_in_is_quoted_with_its_items(self) -> None:
        found = ask("What does the travel kit contain?", passages(self.KIT))
        assert found[0].startswith("The travel kit contains:")
        assert found[0].endswith("- a soft bag")

    def test_lead_in_is_quoted_with_its_items_spanish(self) -> None:
        text = "El maletín de viaje contiene:\n\n- dos sondas\n- un cable de 3 m\n\nEl maletín pesa 2 kg."
        found = ask("¿Qué contiene el maletín de viaje?", passages(text, language="es"), "es")
        assert found[0].endswith("- un cable de 3 m")

    def test_long_list_is_cut(self) -> None:
        text = "The kit contains:\n\n" + "\n".join(f"- part number {n} of the very long list of parts" for n in range(60))
        assert all(len(unit.text) <= MAX_QUOTE_CHARS for unit in read_passage(text, "", "en").units)


class TestQuestionsAndAnswers:
    FAQ = (
        "**How can I pay?**\nBy bank transfer or credit card. Public bodies may pay on invoice.\n\n"
        "**How long does delivery take?**\nThree to five working days.\n\n"
        "**Do you hire out instruments?**\nYes. The hire fee is €185 a week.",
        "FAQ",
    )

    def test_the_answer_is_quoted_and_not_the_question(self) -> None:
        found = ask("How long does the delivery take?", passages(self.FAQ))
        assert found == ["Three to five working days."]

    def test_heading_as_question(self) -> None:
        found = ask("How can I pay?", passages(("By bank transfer or credit card.", "FAQ > How can I pay?")))
        assert found == ["By bank transfer or credit card."]

    def test_spanish(self) -> None:
        text = "**¿Cuánto tarda un recambio?**\nTres días laborables desde Alcorvia.\n\n**¿Cómo se paga?**\nCon transferencia o tarjeta."  # noqa: E501
        assert ask("¿Cómo se paga?", passages((text, "Preguntas"), language="es"), "es") == ["Con transferencia o tarjeta."]

    def test_a_bare_yes_is_read_with_what_follows(self) -> None:
        texts = [unit.text for unit in read_passage(*self.FAQ, "en").units]
        assert "Yes. The hire fee is €185 a week." in texts
        assert not any(text.endswith(("?", "?**")) for text in texts)


class TestSeveralQuotes:
    def test_two_part_question_gets_both_parts(self) -> None:
        found = ask(
            "What is the battery capacity of the Corvo 200 and what is the battery capacity of the Corvo 300?",
            passages(
                "The battery capacity of the Corvo 200 is 5,200 mAh. Both meters float. The battery capacity of the Corvo 300 is "  # noqa: E501
                "7,800 mAh."
            ),
            threshold=0.0,
        )
        assert "5,200 mAh" in " ".join(found) and "7,800 mAh" in " ".join(found)

    def test_the_same_fact_is_said_once(self) -> None:
        sentence = "Dealers may return unused goods within 14 days."
        found = ask(
            "Within how many days may dealers return unused goods?", passages(sentence, sentence.replace(" may", "  may"))
        )
        assert len(found) == 1

    def test_max_quotes(self) -> None:
        texts = [f"The battery capacity of the Corvo {n}00 is {n},200 mAh." for n in range(2, 8)]
        assert len(ask("What is the battery capacity?", passages(*texts), threshold=0.0, max_quotes=1)) == 1

    def test_neighbours_are_one_quote(self) -> None:
        text = "The dock charges the red pack in two hours. The dock charges the blue pack in three hours."
        assert ask("In how many hours does the dock charge the red pack and the blue pack?", passages(text), threshold=0.0) == [
            text
        ]


class FixedEmbedder:
    """Says that texts mean the same where they share a mark."""

    name, identity, dim, max_tokens = "fixed", "fixed", 2, 100

    def __init__(self, languages: tuple[str, ...] | None) -> None:
        self.languages = self.counted_languages = languages
        self.n_texts = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.n_texts += len(texts)
        return np.array([[1, 0] if "sick" in text else [0, 1] for text in texts], dtype=np.float32)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([[1, 0]] * len(texts), dtype=np.float32)

    def token_starts(self, text: str) -> list[int]:
        return []


class TestEmbedder:
    TEXT = "Staff who feel unwell call the desk. Staff who are sick call the nurse."

    def test_meaning_decides_where_words_do_not(self) -> None:
        found = ask("Whom do staff with the flu call?", passages(self.TEXT), threshold=0.0, embedder=FixedEmbedder(None))
        assert "the nurse" in found[0]

    def test_is_not_asked_about_languages_it_does_not_know(self) -> None:
        embedder = FixedEmbedder(("en",))
        ask("¿A quién se llama?", passages("Se llama a la enfermera.", language="es"), "es", embedder=embedder)
        assert embedder.n_texts == 0

    def test_a_sentence_without_words_of_the_question_gets_a_look_where_the_network_reads_an_answer(self) -> None:
        by_words = [float(100 - n) for n in range(100)]
        spans = [9.0 if n == 77 else -5.0 for n in range(100)]
        chosen = _worth_a_look(by_words, spans)
        assert 77 in chosen and set(range(30)) <= set(chosen) and len(chosen) == 40
        assert _worth_a_look([1.0, 2.0], [0.0, 0.0]) == [0, 1]

    def test_at_most_forty_sentences_are_embedded(self) -> None:
        embedder = FixedEmbedder(("en",))
        many = passages(*[" ".join(f"Sentence {n} of text {m} is here." for n in range(20)) for m in range(10)])
        ask("Where is sentence 3 of text 4?", many, embedder=embedder)
        assert 0 < embedder.n_texts <= 40


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How much does the dock cost?", "money"),
        ("How many people work here?", "number"),
        ("How long does it take?", "duration"),
        ("When did it open?", "when"),
        ("Who founded the company?", "who"),
        ("Where is the plant?", "where"),
        ("Why does it stop?", "why"),
        ("¿Cuánto cuesta la base?", "money"),
        ("¿Cuántos empleados hay?", "number"),
        ("¿Cuándo abrió?", "when"),
        ("¿Quién fundó la empresa?", "who"),
        ("¿Por qué se para?", "why"),
        ("Wie viele Leute arbeiten hier?", "number"),
        ("Name the colours.", ""),
    ],
)
def test_kind_of_answer_asked_for(question: str, kind: str) -> None:
    assert asked_kind(question) == kind


def test_kinds_that_only_repeat_the_question_do_not_count() -> None:
    assert "number" not in kinds_in("In 2026 many people came.", "How many people came in 2026?")
    assert "number" in kinds_in("In 2026 some 300 people came.", "How many people came in 2026?")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(alphabet=st.sampled_from("abc AB1.?!:-|#*\n\t¿ñ€%·"), max_size=120), min_size=1, max_size=3),
    st.text(alphabet=st.sampled_from("abc AB1?¿ñ"), max_size=30),
)
def test_any_text_yields_exact_spans(texts: list[str], question: str) -> None:
    found = passages(*texts)
    for text in texts:
        for unit in read_passage(text, "", "en").units:
            assert 0 <= unit.start < unit.end <= len(text)
            assert text[unit.start : unit.end] == unit.text
    draft = QuoteGenerator(threshold=0.0).generate(Request(question, found, detect_language(question)))
    assert draft.declined or draft.quotes
    spans = [(quote.passage, quote.start, quote.end) for quote in draft.quotes]
    assert len(spans) == len(set(spans)) <= 3
    for number, start, end in spans:
        quoted = found[number].text[start:end]
        assert quoted and quoted == quoted.strip()
        assert 0 <= start < end <= len(found[number].text)


class TestOpenQuestions:
    TEXT = (
        "A glacier moves because its ice deforms under its own weight. It also slides over its bed where water lies between. "
        "Both add up in the middle, where it is fastest.\n\nThe valley below has two hotels and a campsite."
    )

    def test_what_is_explained_over_several_sentences_is_quoted_at_length(self) -> None:
        (quoted,) = ask("How does the ice of a glacier move over its bed?", passages(self.TEXT), threshold=0.0)
        assert "deforms under its own weight. It also slides" in quoted
        assert "hotels" not in quoted

    def test_a_question_for_a_figure_gets_no_neighbour(self) -> None:
        text = "The glacier moves over its bed. The glacier moved 40 metres in 2024. The glacier is white."
        assert ask("How many metres did the glacier move in 2024?", passages(text), threshold=0.0) == [
            "The glacier moved 40 metres in 2024."
        ]


@pytest.mark.parametrize(
    ("question", "sentence", "lacks"),
    [
        ("How many books are in the series?", "The series has many characters.", False),
        ("How many books are in the series?", "The series has recurring characters.", True),
        ("How many books are in the series?", "The series has fourteen books.", False),
        ("How many of the 5 doors are locked?", "Of the 5 doors those in the cellar are locked.", True),
        ("How much does delivery cost?", "Delivery is free of charge.", False),
        ("¿Cuántas plazas hay?", "Hay doscientas plazas.", False),
        ("¿Qué porcentaje se paga?", "El porcentaje se fija cada año.", True),
        ("Who locked the doors?", "The porter locked them.", False),
    ],
)
def test_a_question_for_a_figure_wants_one(question, sentence, lacks):
    assert lacks_figure(sentence, question) == lacks

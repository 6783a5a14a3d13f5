"""A folder in two languages (the sample folder is): what is asked in one is found in the other."""

import pytest

from ingest.store import Store
from ingest.universal import CombinedEmbedder, UniversalEmbedder
from rag.languages import lift
from rag.openings import Opening, Openings
from rag.retriever import Filters, Retriever

# Asked in Spanish of what only an English document says, and the other way round.
ACROSS = (
    ("¿Cuántos días libres pagados al año tienen los trabajadores por turnos del almacén de Tessmouth?", "hr/leave-policy.md"),
    (
        "¿Qué día de la semana quiere la política de teletrabajo de Port Ellard a todos en el edificio?",
        "policies/remote-work.md",
    ),
    ("¿Cuál es la capacidad de la batería del Corvo 200?", "products/corvo-200-datasheet.md"),
    ("¿Con qué frecuencia hay que revisar las baterías de litio almacenadas?", "support/battery-safety.txt"),
    ("¿A partir de qué duración de vuelo se puede reservar premium economy en 2026?", "policies/travel-policy-2026.md"),
    ("How often must the pump tube of the Tarn S4 be replaced according to the maintenance plan?", "es/"),
    ("What is the limit per hotel night in cities with an international port for the staff of Alcorvia?", "es/"),
    ("How many litres of solvent fit into the red cabinet at most?", "es/"),
)


@pytest.fixture(scope="module")
def retriever(sample_store, embedder):
    return Retriever(Store.open(sample_store), CombinedEmbedder(embedder, UniversalEmbedder()))


def test_what_only_the_other_language_says_is_among_the_first(retriever):
    found = [any(p.document.startswith(answering) for p in retriever.search(question, 5)) for question, answering in ACROSS]
    assert sum(found) >= 6, found  # five, without the first, where languages are not told apart


@pytest.mark.parametrize(
    ("question", "answering"),
    [
        ("¿Cuánto se paga por kilómetro a quien usa su propio coche?", "es/"),
        ("¿Dónde hay que reunirse cuando se evacúa la nave de Alcorvia?", "es/"),
        ("What is the battery capacity of the Corvo 200?", "products/"),
        ("When must carried-over leave be used in Port Ellard?", "hr/"),
    ],
)
def test_what_the_own_language_says_stays_first(retriever, question, answering):
    assert retriever.search(question, 3)[0].document.startswith(answering)


def test_a_filtered_search_judges_by_the_languages_that_are_left(retriever):
    """The Spanish documents alone are a store in one foreign language, where words can hardly match an English question."""
    found = retriever.search("What is the hotel limit per night at the Alcorvia plant?", 3, Filters(languages=("es",)))
    assert any(passage.document.endswith("gastos-de-viaje.txt") for passage in found)


def test_few_passages_in_another_language_are_lifted_by_their_number():
    assert lift([0.9, 0.7], [0.4, 0.2], 4) == pytest.approx(0.25)
    assert lift([0.9, 0.7], [0.4, 0.2], 1_000_000) == pytest.approx(0.5, abs=0.001)
    assert lift([], [0.4], 10) == lift([0.4], [], 0) == 0


def test_documents_outside_of_the_search_have_no_say_in_what_a_name_gains():
    reports = [Opening(f"2022 Q{n} ACME.pdf", "", "en", f"ACME CORP. Q{n} 2022", 300) for n in (1, 2, 3)]
    bonus = Openings(reports).bonus("What did ACME sell in Q2 2022?", ("en",), {reports[0].name, reports[1].name})
    assert set(bonus) == {reports[0].name, reports[1].name}
    assert bonus[reports[1].name] > 0 > bonus[reports[0].name]
    assert sum(bonus.values()) == pytest.approx(0, abs=1e-6)

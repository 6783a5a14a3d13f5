"""What the full-text index and the vector index find, over a real store."""

import numpy as np
import pytest

from ingest.chunker import ChunkerSettings
from ingest.pipeline import ingest_folder
from ingest.store import Store
from ingest.vector_index import VectorIndex
from rag.crossencoder.runtime import CrossEncoder
from rag.retriever import Filters, Retriever, RetrieverSettings

TEXTS = {
    "en/pump.md": "# Pump\n\nThe pump MX-4471-B delivers 1,250,000 litres per year.",
    "en/valve.md": "# Valve\n\nThe valve policies were reviewed by the committee in March.",
    "es/bomba.md": "# Bomba\n\nLa bomba MX-4471-C entrega 1.250.000 litros. Las vacaciones duran quince días.",
    "es/norma.md": "# Norma\n\nLa política de viajes cambió en la planta.",
}


@pytest.fixture
def retriever(tmp_path, fake_embedder):
    for name, text in TEXTS.items():
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    ingest_folder(tmp_path / "docs", tmp_path / "store", fake_embedder, ChunkerSettings())
    return Retriever(Store.open(tmp_path / "store"), fake_embedder)


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("MX-4471-B", "en/pump.md"),
        ("mx4471c", "es/bomba.md"),
        ("policy of the valve", "en/valve.md"),
        ("¿Cuánto dura la vacación?", "es/bomba.md"),
        ("politica de viaje", "es/norma.md"),
    ],
)
def test_words_are_found_in_any_form(retriever, question, first):
    assert retriever.search(question, 4)[0].document == first


def test_numbers_are_found_in_either_notation(retriever):
    found = {passage.document for passage in retriever.search("1250000", 4) if "text" in passage.found_by}
    assert {"en/pump.md", "es/bomba.md"} <= found


def test_a_search_gives_as_many_as_there_are_and_ranks_them(retriever):
    passages = retriever.search("pump", 100)
    assert [passage.rank for passage in passages] == list(range(1, len(TEXTS) + 1))
    assert len({passage.chunk for passage in passages}) == len(TEXTS)
    assert [p.score for p in passages] == sorted((p.score for p in passages), reverse=True)


def test_reading_again_keeps_all_and_the_best_do_not_hang_on_how_many_are_wanted(tmp_path, retriever, fake_embedder):
    reading = Retriever(Store.open(tmp_path / "store"), fake_embedder, network=CrossEncoder())
    question = "How many litres does the pump deliver?"
    found = reading.search(question, 4)
    assert {passage.chunk for passage in found} == {passage.chunk for passage in retriever.search(question, 4)}
    assert found[0].document == "en/pump.md"
    assert [(p.chunk, p.score) for p in reading.search(question, 2)] == [(p.chunk, p.score) for p in found[:2]]
    german = "Wie viele Liter liefert die Pumpe in einem Jahr?"  # of which the store has nothing to be read
    assert [p.score for p in reading.search(german, 4)] == [p.score for p in retriever.search(german, 4)]


def test_a_filter_is_applied_before_ranking(retriever):
    only = retriever.search("pump MX-4471-B litres", 2, Filters(documents=("es/norma.md",)))
    assert [passage.document for passage in only] == ["es/norma.md"]


def test_copies_are_one_passage_that_names_them_all_and_crowd_nothing_out(tmp_path, fake_embedder):
    folder = tmp_path / "docs"
    folder.mkdir()
    for n in range(30):
        (folder / f"copy {n:02}.md").write_text("# Notice\n\nThe  night shift\nstarts at 22 hours.\n", encoding="utf-8")
    (folder / "other.md").write_text("# Notice\n\nThe night shift starts at 23 hours.\n", encoding="utf-8")
    (folder / "pay.md").write_text("# Pay\n\nThe night shift earns a bonus of 40 euros.\n", encoding="utf-8")
    ingest_folder(folder, tmp_path / "store", fake_embedder, ChunkerSettings())
    few = Retriever(Store.open(tmp_path / "store"), fake_embedder, RetrieverSettings(n_candidates=5))

    found = few.search("When does the night shift start?", 3)
    assert {p.document if not p.also else "a copy" for p in found} == {"a copy", "other.md", "pay.md"}
    assert [p.rank for p in found] == [1, 2, 3]
    (first,) = [p for p in found if p.also]
    assert {first.document, *(place.document for place in first.also)} == {f"copy {n:02}.md" for n in range(30)}
    assert {(place.start, place.end) for place in first.also} == {(first.start, first.end)}
    assert first.to_json()["also"][0] == {"document": first.also[0].document, "page": None, "start": 0, "end": first.end}

    seen = few.search("When does the night shift start?", 3, Filters(documents=("copy 0*", "pay.md")))
    (first,) = [p for p in seen if p.also]
    assert {first.document, *(place.document for place in first.also)} == {f"copy {n:02}.md" for n in range(10)}


def test_the_same_words_twice_in_a_document_stay_two_passages(tmp_path, fake_embedder):
    (tmp_path / "docs").mkdir()
    words = "The limit for a night is 150 euros."
    text = f"# Madrid\n\n{words}\n\n# Rome\n\n{words}\n"
    (tmp_path / "docs" / "limits.md").write_text(text, encoding="utf-8")
    ingest_folder(tmp_path / "docs", tmp_path / "store", fake_embedder, ChunkerSettings(max_tokens=16))
    found = Retriever(Store.open(tmp_path / "store"), fake_embedder).search("limit for a night", 5)
    assert sum(words in p.text for p in found) == 2


def test_a_search_joins_neighbours_and_leaves_out_what_is_far_behind(tmp_path, fake_embedder):
    folder = tmp_path / "docs"
    folder.mkdir()
    days = "\n\n".join(f"Day {n}: the crane lifts {n * 10} tonnes over the northern quay." for n in range(1, 5))
    text = f"# Crane\n\n{days}\n\n# Canteen\n\nThe canteen opens at noon and closes at three in the afternoon.\n"
    (folder / "harbour.md").write_text(text, encoding="utf-8")
    ingest_folder(folder, tmp_path / "store", fake_embedder, ChunkerSettings(max_tokens=16))
    question = "How much does the crane lift over the northern quay?"
    store = Store.open(tmp_path / "store")
    single = Retriever(store, fake_embedder).search(question, 10)
    found = Retriever(store, fake_embedder, RetrieverSettings(max_gap=0.0)).find(question, 10)

    assert len(found) < len(single)
    assert [(p.rank, text[p.start : p.end]) for p in found] == [(n, p.text) for n, p in enumerate(found, start=1)]
    assert "Day 1" in found[0].text and "Day 4" in found[0].text and found[0].score == single[0].score

    def covered(passages):
        return sorted({i for p in passages for i in range(p.start, p.end) if not text[i].isspace()})

    assert covered(found) == covered(single) and sum(len(p.text) for p in found) <= len(text)

    gap = single[0].score - single[-1].score
    near = Retriever(store, fake_embedder, RetrieverSettings(max_gap=gap - 1e-6)).find(question, 10)
    assert covered(near) == covered([p for p in single if p.score > single[-1].score])
    assert [p.document for p in Retriever(store, fake_embedder).find(question, 1)] == ["harbour.md"]


def test_a_question_of_nothing_but_marks_and_stop_words_still_works(retriever):
    assert len(retriever.search("the of and ?", 3)) == 3
    assert len(retriever.search("'; DROP TABLE chunks; --", 3)) == 3
    assert len(retriever.search('"quoted" AND (broken', 3)) == 3


def test_an_empty_store_finds_nothing(tmp_path, fake_embedder):
    (tmp_path / "docs").mkdir()
    ingest_folder(tmp_path / "docs", tmp_path / "store", fake_embedder, ChunkerSettings())
    assert Retriever(Store.open(tmp_path / "store"), fake_embedder).search("anything", 5) == []


def test_the_vector_index_is_exact_with_and_without_a_filter():
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(300, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = VectorIndex([str(i) for i in range(300)], vectors)
    query = vectors[7]
    truth = vectors @ query
    assert [identity for identity, _ in index.search(query, 5)] == [str(i) for i in np.argsort(-truth)[:5]]
    allowed = np.arange(100, 120)
    best = allowed[np.argsort(-truth[allowed])[:5]]
    assert [identity for identity, _ in index.search(query, 5, allowed)] == [str(i) for i in best]
    assert index.search(query, 5, np.array([], dtype=np.int64)) == []
    assert index.cosines(query, ["7"])[0] == pytest.approx(1.0, abs=1e-5)

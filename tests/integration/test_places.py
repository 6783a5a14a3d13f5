"""Passages and citations say where in a document they stand: sheet, rows and section, as the store has them."""

import json

import pytest
from openpyxl import Workbook

from ingest.chunker import ChunkerSettings
from ingest.pipeline import ingest_folder
from ingest.store import Store
from rag.checker.check import Checker
from rag.client import _passage
from rag.generators.quote import QuoteGenerator
from rag.pipeline import Engine, answer
from rag.retriever import Retriever
from rag.verification import verify


@pytest.fixture
def store(tmp_path, fake_embedder):
    root = tmp_path / "docs"
    root.mkdir()
    (root / "people.csv").write_text("name,age\nAnn,31\n\nBob,45\nCarol,52\n", encoding="utf-8")
    (root / "travel.md").write_text("# Travel\n\n## Hotels\n\nThe hotel limit in Madrid is 140 euros.\n", encoding="utf-8")
    (root / "note.txt").write_text("The lantern of the lighthouse turns twice a minute.\n", encoding="utf-8")
    book = Workbook()
    book.active.title = "Prices"
    book.active.append(["Item", "Price"])
    book.active.append(["Dock", 120])
    book.create_sheet("Sheet2").append(["Machine", "Pressure"])
    book["Sheet2"].append(["Valve", "40 bar"])
    book.properties.creator = "Ana Ruiz"
    book.save(root / "prices.xlsx")
    ingest_folder(root, tmp_path / "store", fake_embedder, ChunkerSettings())
    return Store.open(tmp_path / "store")


@pytest.fixture
def retriever(store, fake_embedder):
    return Retriever(store, fake_embedder)


@pytest.mark.parametrize(
    ("question", "document", "place"),
    [
        ("age of Bob", "people.csv", {"rows": [1, 5]}),
        ("pressure of the machine Valve", "prices.xlsx", {"label": "sheet Sheet2", "rows": [1, 2]}),
        ("hotel limit in Madrid", "travel.md", {"section": "Hotels"}),
        ("lantern of the lighthouse", "note.txt", None),
    ],
)
def test_a_passage_says_where_it_stands(retriever, question, document, place):
    for found in (retriever.search(question, 5), retriever.find(question, 5)):
        passage = next(p for p in found if p.document == document and question.split()[-1] in p.text)
        told = passage.to_json()
        assert told["place"] == place
        assert _passage(json.loads(json.dumps(told))).to_json()["place"] == place


def test_a_passage_tells_of_the_author_of_its_document(retriever):
    about = next(p.to_json()["about"] for p in retriever.search("price of the dock", 9) if p.document == "prices.xlsx")
    assert about["author"] == "Ana Ruiz" and about["modified"]


def test_a_citation_names_its_own_row_and_the_answer_verifies(store, retriever, fake_embedder):
    quoter = QuoteGenerator(None)
    engine = Engine(retriever, quoter, quoter, Checker(), fake_embedder.name, min_confidence=0.0)
    kept = json.loads(json.dumps(answer(engine, "What age is Bob?").to_json()))
    cited = [citation for claim in kept["claims"] for citation in claim["citations"] if "Bob" in citation["quote"]]
    assert [citation["place"] for citation in cited] == [{"rows": [4, 4]}]
    assert verify(kept, store.snapshot(), Checker()).to_json()["digest"] == "holds"

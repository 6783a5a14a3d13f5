import asyncio

import httpx
import pytest

from ingest.chunker import ChunkerSettings
from ingest.pipeline import ingest_folder
from ingest.store import Store
from rag.api.app import build_app
from rag.checker.check import Checker
from rag.errors import GeneratorError
from rag.generators.quote import QuoteGenerator
from rag.pipeline import Engine
from rag.retriever import Retriever


class Broken:
    name = "broken"

    def generate(self, request):
        raise GeneratorError("cannot reach generator `x`: refused. Start the server.")


@pytest.fixture
def engine(tmp_path, fake_embedder):
    root = tmp_path / "docs"
    root.mkdir()
    (root / "travel.md").write_text("# Travel\n\nThe hotel limit in Madrid is 140 euros per night.\n", encoding="utf-8")
    ingest_folder(root, tmp_path / "store", fake_embedder, ChunkerSettings())
    quoter = QuoteGenerator(None)
    return Engine(Retriever(Store.open(tmp_path / "store"), fake_embedder), quoter, quoter, Checker(), "fake")


def call(app, method, path, **options):
    async def go():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(go())


def test_query_gives_the_answer_object(engine):
    response = call(build_app(engine), "POST", "/query", json={"question": "What is the hotel limit in Madrid?"})
    assert response.status_code == 200
    body = response.json()
    assert list(body) == [
        "id",
        "question",
        "abstained",
        "reason",
        "confidence",
        "text",
        "claims",
        "withheld",
        "receipt",
        "timings_ms",
    ]
    claim = body["claims"][0]
    assert body["text"][claim["start"] : claim["end"]] == claim["text"]
    assert claim["verdict"] == "supported"
    assert claim["citations"][0]["document"] == "travel.md"
    assert claim["citations"][0]["quote"] in claim["text"]


def test_an_abstention_is_no_error(engine):
    response = call(build_app(engine), "POST", "/query", json={"question": "¿Quién pintó el techo de la capilla?"})
    assert response.status_code == 200
    assert response.json()["abstained"] is True
    assert response.json()["text"] == "Los documentos no lo dicen."


def test_turns_and_filters_are_taken(engine):
    body = {
        "question": "And how much is it?",
        "turns": [{"role": "user", "text": "What is the hotel limit in Madrid?"}],
        "documents": ["nothing/*"],
    }
    app = build_app(engine)
    assert call(app, "POST", "/query", json=body).json()["reason"] == "nothing_retrieved"
    body["documents"] = []
    assert "140 euros" in call(app, "POST", "/query", json=body).json()["text"]


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ({"json": {"question": ""}}, 422, "empty"),
        ({"json": {"question": "why?" * 25_000}}, 422, "limit is 4,000"),
        ({"json": {}}, 422, "question"),
        ({"json": {"question": "x", "qestion": 1}}, 422, "qestion"),
        ({"json": {"question": "x", "top_k": 0}}, 422, "top_k"),
        ({"content": b"{broken", "headers": {"content-type": "application/json"}}, 422, "cannot read"),
        ({"content": b"x" * 1_000_001, "headers": {"content-type": "application/json"}}, 413, "body"),
    ],
)
def test_bad_requests_get_one_shape_with_the_reason(engine, options, status, said):
    response = call(build_app(engine), "POST", "/query", **options)
    assert response.status_code == status
    assert said in response.json()["error"]["message"]


def test_unknown_paths_and_methods_have_the_same_shape(engine):
    app = build_app(engine)
    assert call(app, "GET", "/nothing").json()["error"]["type"] == "http"
    assert call(app, "GET", "/query").status_code == 405


def test_a_failing_generator_is_a_502_that_says_why(engine):
    broken = Engine(engine.retriever, Broken(), engine.quoter, engine.checker, "fake")
    response = call(build_app(broken), "POST", "/query", json={"question": "What is the hotel limit?"})
    assert response.status_code == 502
    assert "Start the server" in response.json()["error"]["message"]


def test_health_and_the_api_page_need_nothing_from_outside(engine):
    app = build_app(engine)
    assert call(app, "GET", "/healthz").json()["chunks"] == 1
    page = call(app, "GET", "/docs").text
    assert "swagger" in page.lower()
    assert "https://" not in page
    assert "/query" in call(app, "GET", "/openapi.json").json()["paths"]


def test_many_questions_at_once_get_their_own_answers(engine):
    app = build_app(engine, max_concurrent=3)

    async def go():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            asked = [f"What is the hotel limit in Madrid, asks number {n}?" for n in range(12)]
            replies = await asyncio.gather(*(client.post("/query", json={"question": question}) for question in asked))
            return [reply.json()["question"] for reply in replies], asked

    got, asked = asyncio.run(go())
    assert got == asked


def test_the_policy_is_taken_from_the_request_else_from_the_configuration(engine):
    app = build_app(engine)
    body = {"question": "What is the hotel limit in Madrid?"}
    assert call(app, "POST", "/query", json=body).json()["receipt"]["policy"]["name"] == "strict"
    unchecked = call(app, "POST", "/query", json={**body, "policy": "off"}).json()
    assert unchecked["receipt"]["policy"]["name"] == "off"
    assert {claim["reason"] for claim in unchecked["claims"]} == {"unchecked"}
    wrong = call(app, "POST", "/query", json={**body, "policy": "lenient"})
    assert wrong.status_code == 422
    assert "policy" in wrong.json()["error"]["message"]

import asyncio

import httpx
import pytest

from rag.errors import GeneratorError
from tests.integration.serving import TRAVEL, build_site, build_store


class Broken:
    name = "broken"

    def generate(self, request):
        raise GeneratorError("cannot reach generator `x`: refused. Start the server.")


@pytest.fixture
def store(tmp_path, fake_embedder):
    root = tmp_path / "docs"
    root.mkdir()
    (root / "travel.md").write_text(TRAVEL, encoding="utf-8")
    return build_store(tmp_path, root, fake_embedder)


@pytest.fixture
def site(tmp_path, store, fake_embedder):
    return build_site(tmp_path, store, fake_embedder)


def test_query_gives_the_answer_object(site):
    response = site.call("POST", "/query", json={"question": "What is the hotel limit in Madrid?"})
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


def test_an_abstention_is_no_error(site):
    response = site.call("POST", "/query", json={"question": "¿Quién pintó el techo de la capilla?"})
    assert response.status_code == 200
    assert response.json()["abstained"] is True
    assert response.json()["text"] == "Los documentos no lo dicen."


def test_turns_and_filters_are_taken(site):
    body = {
        "question": "And how much is it?",
        "turns": [{"role": "user", "text": "What is the hotel limit in Madrid?"}],
        "documents": ["nothing/*"],
    }
    assert site.call("POST", "/query", json=body).json()["reason"] == "nothing_retrieved"
    body["documents"] = []
    assert "140 euros" in site.call("POST", "/query", json=body).json()["text"]


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
def test_bad_requests_get_one_shape_with_the_reason(site, options, status, said):
    response = site.call("POST", "/query", **options)
    assert response.status_code == status
    assert said in response.json()["error"]["message"]


def test_unknown_paths_and_methods_have_the_same_shape(site):
    assert site.call("GET", "/nothing").json()["error"]["type"] == "not_found"
    assert site.call("GET", "/query").status_code == 405


def test_a_failing_generator_is_a_502_that_says_why(tmp_path, store, fake_embedder):
    site = build_site(tmp_path, store, fake_embedder, generator=Broken())
    response = site.call("POST", "/query", json={"question": "What is the hotel limit?"})
    assert response.status_code == 502
    assert "Start the server" in response.json()["error"]["message"]


def test_health_and_the_api_page_need_nothing_from_outside(site):
    assert site.call("GET", "/healthz").json() == {"status": "ok"}
    assert site.call("GET", "/readyz").json() == {"status": "ready"}
    page = site.call("GET", "/docs").text
    assert "swagger" in page.lower()
    assert "https://" not in page
    assert "/query" in site.call("GET", "/openapi.json").json()["paths"]


def test_many_questions_at_once_get_their_own_answers(tmp_path, store, fake_embedder):
    site = build_site(tmp_path, store, fake_embedder, max_concurrent=3)

    async def go():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(site.app), base_url="http://localhost") as client:
            asked = [f"What is the hotel limit in Madrid, asks number {n}?" for n in range(12)]
            replies = await asyncio.gather(*(client.post("/query", json={"question": question}) for question in asked))
            return [reply.json()["question"] for reply in replies], asked

    got, asked = asyncio.run(go())
    assert got == asked


def test_the_policy_is_taken_from_the_request_else_from_the_configuration(site):
    body = {"question": "What is the hotel limit in Madrid?"}
    assert site.call("POST", "/query", json=body).json()["receipt"]["policy"]["name"] == "strict"
    unchecked = site.call("POST", "/query", json={**body, "policy": "off"}).json()
    assert unchecked["receipt"]["policy"]["name"] == "off"
    assert {claim["reason"] for claim in unchecked["claims"]} == {"unchecked"}
    wrong = site.call("POST", "/query", json={**body, "policy": "lenient"})
    assert wrong.status_code == 422
    assert "policy" in wrong.json()["error"]["message"]

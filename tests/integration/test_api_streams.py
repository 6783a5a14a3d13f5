"""Streams, turns and clients that leave."""

import asyncio
import json
import threading
import time

import httpx
import pytest

from rag.errors import GeneratorError
from rag.generators import Draft
from tests.integration.serving import QUESTION, TRAVEL, build_engine, build_site, build_store


class Talking:
    """Writes an answer piece by piece; `gate` holds it before the last piece."""

    name = "talking"

    def __init__(self, pieces, gate=None, fails=False):
        self.pieces, self.gate, self.fails = pieces, gate, fails
        self.n_given = 0
        self.is_closed = False

    def generate(self, request):
        return Draft(text="".join(self.stream(request)))

    def stream(self, request):
        try:
            for piece in self.pieces:
                if self.gate is not None:
                    self.gate.wait(10)
                self.n_given += 1
                yield piece
            if self.fails:
                raise GeneratorError("cannot hear generator `x`: it broke off. Start it again.")
        finally:
            self.is_closed = True


CLAIMS = ["The hotel limit in Madrid is 140 euros per night [1]. ", "Dinner is always free of charge [1]. ", "Ask away."]


@pytest.fixture
def store(tmp_path, fake_embedder):
    root = tmp_path / "docs"
    root.mkdir()
    (root / "travel.md").write_text(TRAVEL, encoding="utf-8")
    return build_store(tmp_path, root, fake_embedder)


@pytest.fixture
def build(tmp_path, store, fake_embedder):
    def make(generator=None, **server):
        return build_site(tmp_path, store, fake_embedder, generator=generator, **server)

    return make


def events_of(text):
    blocks = (block.split("\n") for block in text.split("\n\n") if block and not block.startswith(":"))
    return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for kind, data in blocks]


@pytest.mark.parametrize("generator", [None, Talking(CLAIMS)])
@pytest.mark.parametrize(
    "asked", [{"json": {"question": QUESTION, "stream": True}}, {"headers": {"Accept": "text/event-stream"}}]
)
def test_a_stream_tells_stages_claims_and_the_same_answer_as_the_whole(build, generator, asked):
    site = build(generator)
    response = site.call("POST", "/query", **{"json": {"question": QUESTION}, **asked})
    assert response.headers["content-type"].startswith("text/event-stream")
    events = events_of(response.text)
    assert [data["stage"] for kind, data in events if kind == "status"][:2] == ["retrieve", "generate"]
    assert [kind for kind, _ in events][-1] == "answer"
    answer, whole = events[-1][1], site.call("POST", "/query", json={"question": QUESTION}).json()
    claims = [data for kind, data in events if kind == "claim"]
    assert [(claim["text"], claim["citations"]) for claim in claims] == [(c["text"], c["citations"]) for c in answer["claims"]]
    assert claims and claims[0]["citations"][0]["quote"]
    for name in ("text", "claims", "withheld", "abstained", "reason", "confidence"):
        assert answer[name] == whole[name]
    assert answer["receipt"]["answer_sha256"] == whole["receipt"]["answer_sha256"]


def test_what_fails_before_the_stream_has_a_status_and_what_fails_within_an_event(build):
    assert build().call("POST", "/query", json={"question": " ", "stream": True}).status_code == 422
    response = build(Talking(CLAIMS[:1], fails=True)).call("POST", "/query", json={"question": QUESTION, "stream": True})
    assert response.status_code == 200
    kind, data = events_of(response.text)[-1]
    assert (kind, data["error"]["type"]) == ("error", "generator")
    assert "Start it again" in data["error"]["message"]
    assert data["error"]["request_id"] == response.headers["x-request-id"]


def test_under_load_some_are_refused_and_nobody_waits_for_ever(build):
    gate = threading.Event()
    site = build(Talking(CLAIMS, gate), max_concurrent=1, max_queued=1)

    async def go():
        transport = httpx.ASGITransport(site.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            asked = [asyncio.create_task(client.post("/query", json={"question": QUESTION})) for _ in range(5)]
            while sum(task.done() for task in asked) < 3:
                await asyncio.sleep(0.01)
            gate.set()
            return await asyncio.gather(*asked)

    replies = asyncio.run(go())
    refused = [reply for reply in replies if reply.status_code == 429]
    assert (len(refused), sorted(reply.status_code for reply in replies)) == (3, [200, 200, 429, 429, 429])
    assert all(int(reply.headers["retry-after"]) > 0 for reply in refused)
    assert refused[0].json()["error"]["type"] == "overloaded"
    figures = site.call("GET", "/metrics").text
    assert "rag_queue_refused_total 3.0" in figures
    assert "rag_queue_running 0.0" in figures and "rag_queue_waiting 0.0" in figures
    assert 'rag_claims_total{verdict="supported"} 2.0' in figures
    assert 'rag_stage_seconds_count{stage="retrieve"} 2.0' in figures


def test_an_answer_that_takes_too_long_is_broken_off(build):
    generator = Talking(["word "] * 1000, threading.Event())
    site = build(generator, timeout_s=0.3)
    generator.gate.wait = lambda seconds: time.sleep(0.05)
    response = site.call("POST", "/query", json={"question": QUESTION})
    assert (response.status_code, response.json()["error"]["type"]) == (504, "stopped")
    assert "server.timeout_s" in response.json()["error"]["message"]
    site.services.work.close()
    # On a slow machine the time may be over before the first piece; whatever was begun is closed.
    assert generator.is_closed == (generator.n_given > 0) and generator.n_given < 100


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/query", {"question": QUESTION}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": QUESTION}]}),
        ("/v1/responses", {"input": QUESTION}),
    ],
)
def test_the_generator_stops_when_its_client_leaves(build, is_stream, path, asked):
    generator = Talking(["word "] * 1000, threading.Event())
    generator.gate.wait = lambda seconds: time.sleep(0.02)
    site = build(generator, max_concurrent=1)

    async def leave():
        """Call the application as a server does whose client closes the connection."""
        body = json.dumps({**asked, "stream": is_stream}).encode()
        sent = [{"type": "http.request", "body": body, "more_body": False}]
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers,
            "scheme": "http", "server": ("localhost", 80), "client": ("127.0.0.1", 5), "http_version": "1.1", "root_path": "",
            "asgi": {"version": "3.0", "spec_version": "2.3"}, "state": {},
        }  # fmt: skip

        async def receive():
            if sent:
                return sent.pop()
            while generator.n_given < 3:
                await asyncio.sleep(0.01)
            return {"type": "http.disconnect"}

        async def send(message):
            pass

        await site.app(scope, receive, send)
        await asyncio.sleep(0.01)  # whatever was cancelled ends
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(leave()) == set(), "nothing waits on for a client that left"
    site.services.work.close()
    assert generator.is_closed
    assert generator.n_given < 200


def test_an_engine_that_answers_at_once_is_not_wrapped(store, fake_embedder):
    from rag.stopping import Stop, stoppable

    engine = build_engine(store, fake_embedder)
    assert stoppable(engine, Stop(1)) is engine

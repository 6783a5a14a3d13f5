"""Who may see what: every route is asked for everything by somebody who may see only a part of it."""

import io
import json
import time

import pytest
from fastapi.routing import APIRoute
from reportlab.pdfgen.canvas import Canvas

from tests.integration.serving import TRAVEL, build_site, build_store

SECRET = "Zirconium"  # stands in the names of all documents that are not for everybody
AMOUNT = "97,531"  # stands in their text; no id and no score has a comma
SECRET_QUESTION = "What is the bonus of the project?"
OPEN = {("GET", "/"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/docs"), ("POST", "/session")}
RULES = "*: *\nhr/*: hr\n*Zirconium*: hr\n"


def pdf(text):
    out = io.BytesIO()
    canvas = Canvas(out)
    canvas.drawString(72, 700, text)
    canvas.save()
    return out.getvalue()


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "docs"
    (root / "hr").mkdir(parents=True)
    (root / "travel.md").write_text(TRAVEL, encoding="utf-8")
    bonus = f"# Bonus\n\nThe bonus of the project {SECRET} is {AMOUNT} euros.\n"
    (root / "hr" / f"{SECRET}.md").write_text(bonus, encoding="utf-8")
    (root / "hr" / f"{SECRET}.pdf").write_bytes(pdf(f"The bonus of the project {SECRET} is {AMOUNT} euros."))
    (root / "hr" / f"{SECRET}-broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    return root


@pytest.fixture
def site(tmp_path, folder, fake_embedder):
    store = build_store(tmp_path, folder, fake_embedder)
    return build_site(tmp_path, store, fake_embedder, rules=RULES, auth={"mode": "on"})


@pytest.fixture
def keys(site):
    make = site.services.accounts.create_key
    return {
        "right": make("right", ["ask", "read", "write"], ["hr"]),
        "wrong": make("wrong", ["ask", "read", "write"], ["sales"]),
        "admin": make("admin", ["admin"]),
    }


def routes(routes_):
    for route in routes_:
        if inner := getattr(route, "original_router", None):
            yield from routes(inner.routes)
        elif isinstance(route, APIRoute):
            yield from ((method, route) for method in route.methods)


def requests(site, keys):
    """Requests for every route, each after something secret, and whether the right user is shown it."""
    right = keys["right"]
    answer = site.call("POST", "/query", key=right, json={"question": SECRET_QUESTION}).json()
    files = {"files": (f"{SECRET}-notes.md", f"The notes say {AMOUNT}.".encode())}
    upload = site.call("POST", "/documents", key=right, files=files).json()
    wait_for(site, right, upload["id"])
    uploaded = upload["files"][0]["document"]
    site.call("POST", "/feedback", key=right, json={"rating": "good", "answer": answer})
    question = {"question": SECRET_QUESTION}
    chat = {"messages": [{"role": "user", "content": SECRET_QUESTION}]}
    conversation = site.call("POST", "/conversations", key=right, json={"title": SECRET_QUESTION}).json()["id"]
    site.call("POST", "/query", key=right, json={"question": SECRET_QUESTION, "conversation": conversation})
    of_right = f"/conversations/{conversation}"
    kept = json.loads(json.dumps(answer).replace(AMOUNT, "80000"))
    named = [{"params": {"document": name}} for name in (f"hr/{SECRET}.md", uploaded)]
    return {
        ("POST", "/query"): [
            {"json": question},
            {"json": {**question, "stream": True}},
            {"json": {**question, "policy": "off"}},
            {"json": {**question, "conversation": conversation}},
        ],
        ("POST", "/conversations"): [{"json": {"title": "Mine"}}],
        ("GET", "/conversations"): [{}, {"params": {"text": "bonus"}}],
        ("GET", "/conversations/{id}"): [{"path": of_right}],
        ("PATCH", "/conversations/{id}"): [{"path": of_right, "json": {"title": "Bonus"}}],
        ("DELETE", "/conversations/{id}"): [{"path": of_right}],
        ("PUT", "/conversations/{id}/share"): [{"path": f"{of_right}/share"}],
        ("DELETE", "/conversations/{id}/share"): [{"path": f"{of_right}/share"}],
        ("POST", "/search"): [{"json": question}, {"json": {**question, "documents": ["hr/*"]}}],
        ("POST", "/check"): [{"json": {"answer": "The bonus is high.", "sources": []}}],
        ("POST", "/verify"): [{"json": kept}],
        ("GET", "/documents"): [{}, {"params": {"failed": True}}, {"params": {"folder": "hr"}}, {"params": {"text": "bonus"}}],
        ("GET", "/documents/status"): [*named, {"params": {"document": f"hr/{SECRET}-broken.pdf"}}],
        ("GET", "/documents/text"): named,
        ("GET", "/documents/page"): [{"params": {"document": f"hr/{SECRET}.pdf"}}],
        ("GET", "/documents/uploads/{id}"): [{"path": f"/documents/uploads/{upload['id']}"}],
        ("POST", "/documents"): [{"files": {"files": ("plan.md", b"Nothing much.")}}],
        ("DELETE", "/documents"): named,
        ("POST", "/documents/again"): named,
        ("POST", "/feedback"): [{"json": {"rating": "bad", "answer": kept}}],
        ("GET", "/feedback"): [{}],
        ("GET", "/accounts"): [{}],
        ("POST", "/accounts/users"): [{"json": {"name": "eve", "password": "correct horse battery", "scopes": ["admin"]}}],
        ("PATCH", "/accounts/users/{name}"): [{"path": "/accounts/users/eve", "json": {"scopes": ["admin"]}}],
        ("DELETE", "/accounts/users/{name}"): [{"path": "/accounts/users/eve"}],
        ("POST", "/accounts/keys"): [{"json": {"name": "eve", "scopes": ["admin"]}}],
        ("DELETE", "/accounts/keys/{name}"): [{"path": "/accounts/keys/right"}],
        ("GET", "/unanswered"): [{}],
        ("POST", "/session"): [{"json": {"user": "nobody", "password": "nothing at all"}}],
        ("GET", "/session"): [{}],
        ("DELETE", "/session"): [{}],
        ("GET", "/status"): [{}],
        ("GET", "/metrics"): [{}],
        ("GET", "/healthz"): [{}],
        ("GET", "/readyz"): [{}],
        ("GET", "/docs"): [{}],
        ("GET", "/v1/models"): [{}],
        ("GET", "/v1/models/{model:path}"): [{"path": "/v1/models/grounded-rag"}],
        ("POST", "/v1/chat/completions"): [
            {"json": chat},
            {"json": {**chat, "stream": True}},
            {"json": {**chat, "documents": ["hr/*"], "policy": "off"}},
        ],
        **openai_requests(site, keys, uploaded),
        ("POST", "/mcp"): [
            tool_call("ask", question=SECRET_QUESTION),
            tool_call("search", query=SECRET_QUESTION),
            *(tool_call("open", document=name) for name in (f"hr/{SECRET}.md", uploaded)),
        ],
        ("GET", "/"): [{}],
    }


def tool_call(name, **arguments):
    params = {"name": name, "arguments": arguments}
    return {
        "json": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
        "headers": {"Accept": "application/json, text/event-stream"},
    }


def openai_requests(site, keys, uploaded):
    """The same for the routes under /v1; `uploaded` is a document of the right user."""
    right, results = keys["right"], {"include": ["file_search_call.results"]}
    asked = {"model": "any", "input": SECRET_QUESTION, **results}
    response = site.call("POST", "/v1/responses", key=right, json=asked).json()
    files = {file["filename"]: file["id"] for file in site.call("GET", "/v1/files", key=right).json()["data"]}
    stores = {store["name"]: store["id"] for store in site.call("GET", "/v1/vector_stores", key=right).json()["data"]}
    docs, bonus, broken = stores["docs"], files[f"hr/{SECRET}.md"], files[f"hr/{SECRET}-broken.pdf"]
    batches = f"/v1/vector_stores/{docs}/file_batches"
    batch = site.call("POST", batches, key=right, json={"file_ids": [bonus, broken]}).json()["id"]
    made = site.call("POST", "/v1/vector_stores", key=right, json={"name": SECRET, "file_ids": [bonus]}).json()["id"]
    own = [{"path": f"/v1/files/{identity}"} for identity in (bonus, broken, files[uploaded])]
    inside = [{"path": f"/v1/vector_stores/{docs}/files/{identity}"} for identity in (bonus, broken)]
    query = {"query": SECRET_QUESTION}
    return {
        ("POST", "/v1/responses"): [
            {"json": asked},
            {"json": {**asked, "stream": True}},
            {"json": {**asked, "tools": [{"type": "file_search", "vector_store_ids": [docs]}]}},
            {"json": {**asked, "previous_response_id": response["id"]}},
        ],
        ("GET", "/v1/responses/{id}"): [{"path": f"/v1/responses/{response['id']}"}],
        ("GET", "/v1/responses/{id}/input_items"): [{"path": f"/v1/responses/{response['id']}/input_items"}],
        ("DELETE", "/v1/responses/{id}"): [{"path": f"/v1/responses/{response['id']}"}],
        ("POST", "/v1/files"): [{"files": {"file": ("plan-b.md", b"Nothing more.")}}],
        ("GET", "/v1/files"): [{}, {"params": {"limit": 1, "after": bonus}}],
        ("GET", "/v1/files/{id}"): own,
        ("GET", "/v1/files/{id}/content"): [{"path": f"/v1/files/{bonus}/content"}],
        ("DELETE", "/v1/files/{id}"): own,
        ("GET", "/v1/vector_stores"): [{}],
        ("POST", "/v1/vector_stores"): [{"json": {"name": "mine", "file_ids": [bonus]}}],
        ("GET", "/v1/vector_stores/{store}"): [{"path": f"/v1/vector_stores/{identity}"} for identity in (docs, made)],
        ("POST", "/v1/vector_stores/{store}"): [{"path": f"/v1/vector_stores/{made}", "json": {"metadata": {"a": "b"}}}],
        ("DELETE", "/v1/vector_stores/{store}"): [{"path": f"/v1/vector_stores/{made}"}],
        ("POST", "/v1/vector_stores/{store}/search"): [
            {"path": f"/v1/vector_stores/{identity}/search", "json": query} for identity in (docs, made)
        ],
        ("GET", "/v1/vector_stores/{store}/files"): [{"path": f"/v1/vector_stores/{docs}/files"}],
        ("POST", "/v1/vector_stores/{store}/files"): [
            {"path": f"/v1/vector_stores/{docs}/files", "json": {"file_id": identity}} for identity in (bonus, broken)
        ],
        ("GET", "/v1/vector_stores/{store}/files/{file}"): inside,
        ("POST", "/v1/vector_stores/{store}/files/{file}"): [
            {"path": f"/v1/vector_stores/{made}/files/{bonus}", "json": {"attributes": {"year": 2026}}}
        ],
        ("DELETE", "/v1/vector_stores/{store}/files/{file}"): [{"path": f"/v1/vector_stores/{made}/files/{bonus}"}],
        ("GET", "/v1/vector_stores/{store}/files/{file}/content"): [{"path": f"{inside[0]['path']}/content"}],
        ("POST", "/v1/vector_stores/{store}/file_batches"): [{"path": batches, "json": {"file_ids": [bonus]}}],
        ("GET", "/v1/vector_stores/{store}/file_batches/{batch}"): [{"path": f"{batches}/{batch}"}],
        ("GET", "/v1/vector_stores/{store}/file_batches/{batch}/files"): [{"path": f"{batches}/{batch}/files"}],
        ("POST", "/v1/vector_stores/{store}/file_batches/{batch}/cancel"): [{"path": f"{batches}/{batch}/cancel"}],
        ("POST", "/v1/embeddings"): [{"json": {"model": "fake", "input": "bonus"}}],
    }


SHOWING = {
    ("POST", "/query"),
    ("POST", "/search"),
    ("GET", "/documents"),
    ("GET", "/documents/uploads/{id}"),
    ("POST", "/mcp"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/responses"),
    ("GET", "/v1/files"),
    ("POST", "/v1/vector_stores/{store}/search"),
    ("GET", "/v1/vector_stores/{store}/files"),
}
READING = {
    ("POST", "/documents/again"),
    ("GET", "/documents/status"),
    ("GET", "/documents/text"),
    ("GET", "/documents/page"),
    ("DELETE", "/documents"),
    ("GET", "/v1/responses/{id}"),
    ("GET", "/v1/responses/{id}/input_items"),
    ("DELETE", "/v1/responses/{id}"),
    ("GET", "/v1/files/{id}"),
    ("GET", "/v1/files/{id}/content"),
    ("DELETE", "/v1/files/{id}"),
    ("POST", "/v1/vector_stores"),
    ("POST", "/v1/vector_stores/{store}"),
    ("DELETE", "/v1/vector_stores/{store}"),
    ("POST", "/v1/vector_stores/{store}/files"),
    ("GET", "/v1/vector_stores/{store}/files/{file}"),
    ("POST", "/v1/vector_stores/{store}/files/{file}"),
    ("DELETE", "/v1/vector_stores/{store}/files/{file}"),
    ("GET", "/v1/vector_stores/{store}/files/{file}/content"),
    ("POST", "/v1/vector_stores/{store}/file_batches"),
    ("GET", "/v1/vector_stores/{store}/file_batches/{batch}"),
    ("GET", "/v1/vector_stores/{store}/file_batches/{batch}/files"),
    ("POST", "/v1/vector_stores/{store}/file_batches/{batch}/cancel"),
}
OWN = {(method, "/conversations/{id}") for method in ("GET", "PATCH", "DELETE")}
OWN |= {(method, "/conversations/{id}/share") for method in ("PUT", "DELETE")}
ADMIN = {("GET", "/feedback"), ("GET", "/unanswered")}


def wait_for(site, key, upload):
    for _ in range(400):
        status = site.call("GET", f"/documents/uploads/{upload}", key=key).json()
        if status["is_done"]:
            return status
        time.sleep(0.05)
    raise AssertionError("the upload was never ingested")


def ask(site, key, method, path, request):
    options = {name: value for name, value in request.items() if name != "path"}
    return site.call(method, request.get("path", path), key=key, **options)


def leaks(response, request):
    """True if a response says something secret that the request did not say itself."""
    said = response.text + json.dumps(dict(response.headers))
    return any(word in said and word not in json.dumps(request, default=str) for word in (SECRET, AMOUNT))


def test_every_route_asks_who_it_is_and_shows_the_wrong_user_nothing(site, keys):
    asked = requests(site, keys)
    present = {(method, route.path) for method, route in routes(site.app.routes)}
    assert present == set(asked), "every route needs a line in `requests`"
    for (method, path), several in asked.items():
        for request in several:
            wrong = ask(site, keys["wrong"], method, path, request)
            assert wrong.status_code < 500, (method, path, wrong.text)
            assert not leaks(wrong, request), (method, path, wrong.text[:500])
            if (method, path) in ADMIN or path.startswith("/accounts"):
                assert wrong.status_code == 403, (method, path)
            if (method, path) in READING | OWN:
                assert wrong.status_code == 404, (method, path)
            if (method, path) not in OPEN:
                nobody = ask(site, None, method, path, request)
                assert nobody.status_code == 401, (method, path, nobody.text)
                assert not leaks(nobody, request), (method, path, nobody.text)
    listed = site.call("GET", "/documents", key=keys["wrong"], params={"source": "docs"}).json()
    assert ([state["document"] for state in listed["documents"]], listed["total"]) == (["travel.md"], 1)
    again = ("POST", "/documents/again")
    for method, path in sorted((SHOWING | READING) - {again}, key=lambda route: (route[0] == "DELETE", route)):
        for request in asked[method, path]:
            right = ask(site, keys["right"], method, path, request)
            # What one route deleted is gone for the next; what belongs to a folder is not to be deleted.
            allowed = (200, 404, 409) if method == "DELETE" else (200,)
            assert right.status_code in allowed, (method, path, right.text)
            assert (method, path) in READING or leaks(right, request), (method, path, right.text)
    assert leaks(site.call("GET", "/feedback", key=keys["admin"]), {})
    assert site.call("GET", "/feedback", key=keys["right"]).status_code == 403


def test_what_was_kept_tells_the_wrong_user_nothing_of_the_documents_it_cites(site, keys):
    answer = site.call("POST", "/query", key=keys["right"], json={"question": SECRET_QUESTION}).json()
    right = site.call("POST", "/verify", key=keys["right"], json=answer).json()
    assert right["status"] == "confirmed"
    wrong = site.call("POST", "/verify", key=keys["wrong"], json=answer).json()
    assert wrong["status"] == "source_gone"
    assert {c["source"] for claim in wrong["claims"] for c in claim["citations"]} == {"gone"}


def test_a_response_that_was_kept_is_shown_to_its_owner_as_long_as_its_documents_are(site, keys, tmp_path):
    asked = {"model": "any", "input": SECRET_QUESTION}
    kept = site.call("POST", "/v1/responses", key=keys["right"], json=asked).json()["id"]
    path = f"/v1/responses/{kept}"
    later = {"model": "any", "input": "What is the hotel limit in Madrid?", "documents": ["travel.md"]}
    followed = site.call("POST", "/v1/responses", key=keys["right"], json={**later, "previous_response_id": kept}).json()
    assert AMOUNT not in json.dumps(followed)
    assert AMOUNT in site.call("GET", path, key=keys["right"]).text
    assert site.call("GET", path, key=keys["admin"]).status_code == 404
    (tmp_path / "access.rules").write_text("*: *\nhr/*: board\n*Zirconium*: board\n", encoding="utf-8")
    for response in (
        site.call("GET", path, key=keys["right"]),
        site.call("POST", "/v1/responses", key=keys["right"], json={**asked, "previous_response_id": kept}),
        # It cites nothing secret itself, but goes on with what did.
        site.call("POST", "/v1/responses", key=keys["right"], json={**later, "previous_response_id": followed["id"]}),
    ):
        assert response.status_code == 404 and not leaks(response, asked)


def test_a_search_finds_as_many_as_one_in_a_store_without_the_rest(site, keys, tmp_path, fake_embedder):
    folder = tmp_path / "only"
    folder.mkdir()
    (folder / "travel.md").write_text(TRAVEL, encoding="utf-8")
    (tmp_path / "other").mkdir()
    alone = build_site(tmp_path / "other", build_store(tmp_path / "other", folder, fake_embedder), fake_embedder)
    body = {"question": "the bonus of a night in Madrid", "top_k": 3}
    found = site.call("POST", "/search", key=keys["wrong"], json=body).json()["passages"]
    exact = alone.call("POST", "/search", json=body).json()["passages"]
    assert [passage["text"] for passage in found] == [passage["text"] for passage in exact]
    assert len(site.call("POST", "/search", key=keys["right"], json=body).json()["passages"]) == 3


def test_a_right_that_is_taken_away_is_gone_at_once(site, keys, tmp_path):
    def n_documents(who):
        return site.call("GET", "/documents", key=keys[who]).json()["total"]

    assert (n_documents("right"), n_documents("wrong"), n_documents("admin")) == (3, 1, 3)
    (tmp_path / "access.rules").write_text("*: sales\n", encoding="utf-8")
    assert (n_documents("right"), n_documents("wrong")) == (0, 3)
    (tmp_path / "docs" / ".ragaccess").write_text("hr/*: hr\ntravel.md: *", encoding="utf-8")
    site.services.store.add_source(site.services.store.manifest.sources[0])
    assert (n_documents("right"), n_documents("wrong")) == (0, 1)
    (tmp_path / "access.rules").write_text("no rule at all\n", encoding="utf-8")
    broken = site.call("GET", "/documents", key=keys["wrong"])
    assert (broken.status_code, broken.json()["error"]["type"]) == (503, "access")
    assert "line 1" in broken.json()["error"]["message"]
    assert site.call("GET", "/readyz").status_code == 503
    assert n_documents("admin") == 3
    (tmp_path / "access.rules").write_text("*: *", encoding="utf-8")
    site.services.accounts.revoke_key("right")
    assert site.call("GET", "/documents", key=keys["right"]).status_code == 401


def test_scopes_are_kept(site):
    reader = site.services.accounts.create_key("reader", ["read"])
    refused = site.call("POST", "/query", key=reader, json={"question": "x"})
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "forbidden")
    assert "`ask`" in refused.json()["error"]["message"]
    assert site.call("POST", "/documents", key=reader, files={"files": ("a.md", b"x")}).status_code == 403
    assert site.call("GET", "/documents", key=reader).status_code == 200


def test_with_rules_but_without_authentication_only_what_is_for_everyone_is_shown(tmp_path, folder, fake_embedder):
    site = build_site(tmp_path, build_store(tmp_path, folder, fake_embedder), fake_embedder, rules=RULES)
    assert [d["document"] for d in site.call("GET", "/documents").json()["documents"]] == ["travel.md"]


def test_the_audit_log_names_who_saw_what_but_not_what_was_asked(site, keys, tmp_path):
    site.call("POST", "/query", key=keys["right"], json={"question": SECRET_QUESTION}, headers={"X-Request-ID": "abc"})
    text = (tmp_path / "state" / "audit.jsonl").read_text(encoding="utf-8")
    entry = json.loads(text.splitlines()[-1])
    assert (entry["who"], entry["action"], entry["request"]) == ("key-right", "query", "abc")
    assert all(name.startswith(f"hr/{SECRET}") for name in entry["documents"]) and entry["documents"]
    assert SECRET_QUESTION not in text
    kept = b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir() if file.is_file())
    assert keys["right"].split("_", 2)[2].encode() not in kept

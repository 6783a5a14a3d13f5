"""What administrators do over HTTP: users, keys, questions without an answer; and reading a document anew."""

import time
from datetime import UTC, date, datetime

import pytest

from ingest.errors import IngestError
from ingest.pipeline import read_again
from ingest.store import Store
from rag.api.services import build_services
from rag.errors import StateError
from tests.integration.serving import QUESTION, TRAVEL, build_site, build_store

PASSWORD = "correct horse battery"


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "docs"
    root.mkdir()
    (root / "travel.md").write_text(TRAVEL, encoding="utf-8")
    return root


@pytest.fixture
def store(tmp_path, folder, fake_embedder):
    return build_store(tmp_path, folder, fake_embedder)


@pytest.fixture
def site(tmp_path, store, fake_embedder, monkeypatch):
    monkeypatch.setattr("rag.access.passwords._N", 2**8)
    return build_site(tmp_path, store, fake_embedder, rules="*: hr\n", auth={"mode": "on"}, log_questions=True)


@pytest.fixture
def boss(site):
    site.services.accounts.add_user("boss", PASSWORD, ["admin"])
    return site.services.accounts.create_key("boss-key", ["admin"], user="boss")


def test_a_user_is_added_given_groups_and_removed(site, boss):
    user = {"name": "ana", "password": PASSWORD, "scopes": ["ask", "read"]}
    assert site.call("POST", "/accounts/users", key=boss, json=user).json()["groups"] == []
    key = site.call("POST", "/accounts/keys", key=boss, json={"name": "wiki", "scopes": ["read"], "user": "ana"}).json()["key"]
    assert site.call("GET", "/documents", key=key).json()["total"] == 0
    rights = {"scopes": ["ask", "read"], "groups": ["hr"]}
    assert site.call("PATCH", "/accounts/users/ana", key=boss, json=rights).json()["groups"] == ["hr"]
    assert site.call("GET", "/documents", key=key).json()["total"] == 1
    listed = site.call("GET", "/accounts", key=boss)
    assert [user["name"] for user in listed.json()["users"]] == ["ana", "boss"]
    assert key.split("_")[2] not in listed.text and "password" not in listed.text
    assert site.call("DELETE", "/accounts/keys/wiki", key=boss).status_code == 204
    assert site.call("GET", "/documents", key=key).status_code == 401
    assert site.call("DELETE", "/accounts/users/ana", key=boss).status_code == 204
    assert site.services.accounts.user("ana") is None


REFUSED = [
    ("POST", "/accounts/users", {"name": "a b", "password": PASSWORD, "scopes": ["ask"]}, "letters, digits"),
    ("POST", "/accounts/users", {"name": "boss", "password": PASSWORD, "scopes": ["ask"]}, "there is one"),
    ("POST", "/accounts/users", {"name": "ana", "password": "short", "scopes": ["ask"]}, "password"),
    ("PATCH", "/accounts/users/nobody", {"scopes": ["ask"]}, "no such user"),
    ("PATCH", "/accounts/users/boss", {"scopes": ["ask"]}, "that is you"),
    ("DELETE", "/accounts/users/boss", None, "that is you"),
    ("DELETE", "/accounts/keys/none", None, "no such key"),
]


def test_what_cannot_be_done_says_why(site, boss):
    for method, path, body, said in REFUSED:
        refused = site.call(method, path, key=boss, **({"json": body} if body else {}))
        assert (refused.status_code, refused.json()["error"]["type"]) == (422, "input"), (method, path)
        assert said in refused.json()["error"]["message"]


def test_questions_without_an_answer_are_counted_if_they_may_be_kept(site, boss, tmp_path, store, fake_embedder):
    key = site.services.accounts.create_key("ana", ["ask"], ["hr"])
    for question in ("Who won the chess tournament?", QUESTION, "Who won the chess tournament?"):
        site.call("POST", "/query", key=key, json={"question": question})
    found = site.call("GET", "/unanswered", key=boss).json()
    assert [(one["question"], one["times"]) for one in found["questions"]] == [("Who won the chess tournament?", 2)]
    assert found["is_kept"] and "ana" not in str(found)
    (tmp_path / "other").mkdir()
    silent = build_site(tmp_path / "other", store, fake_embedder, auth={"mode": "on"})
    key = silent.services.accounts.create_key("boss", ["admin"])
    silent.call("POST", "/query", key=key, json={"question": "Who won the chess tournament?"})
    assert silent.call("GET", "/unanswered", key=key).json() == {"is_kept": False, "questions": []}


def test_a_document_is_read_anew_by_an_administrator_an_upload_by_its_owner(site, boss, folder):
    writer = site.services.accounts.create_key("writer", ["read", "write"], ["hr"])
    refused = site.call("POST", "/documents/again", key=writer, params={"document": "travel.md"})
    assert (refused.status_code, refused.json()["error"]["type"]) == (409, "not_an_upload")
    (folder / "travel.md").write_text(TRAVEL.replace("140", "150"), encoding="utf-8")
    (folder / "new.md").write_text("Dinner is 35 euros.", encoding="utf-8")
    assert site.call("POST", "/documents/again", key=boss, params={"document": "travel.md"}).status_code == 202
    assert "150 euros" in wait_for_text(site, boss, "travel.md")
    assert "35 euros" in wait_for_text(site, boss, "new.md")
    site.call("POST", "/documents", key=writer, files={"files": ("plan.md", b"The plan is old.")})
    assert "old" in wait_for_text(site, writer, "uploads:key-writer/plan.md")
    again = site.call("POST", "/documents/again", key=writer, params={"document": "uploads:key-writer/plan.md"})
    assert again.status_code == 202
    assert "old" in wait_for_text(site, writer, "uploads:key-writer/plan.md")


def test_a_document_that_is_read_anew_is_there_meanwhile_and_read_within_the_limits(site, boss, folder, store):
    folder.joinpath("travel.md").touch()
    read_again(store, "travel.md")

    def known():
        return site.call("GET", "/documents/status", key=boss, params={"document": "travel.md"}).json()

    assert known()["is_queued"]
    assert "140" in site.call("GET", "/documents/text", key=boss, params={"document": "travel.md"}).json()["text"]
    assert not site.call("POST", "/query", key=boss, json={"question": QUESTION}).json()["abstained"]
    with pytest.raises(IngestError, match="no such document"):
        read_again(store, "trevel.md")
    limits = site.services.config.loader.model_copy(update={"max_text_chars": 100})
    config = site.services.config.model_copy(update={"loader": limits})
    (folder / "long.md").write_text("It is long. " * 50, encoding="utf-8")
    services = build_services(site.services.engine, config, site.services.embedder)
    services.uploads.again("travel.md", Store.open(store).manifest.sources[0])
    for _ in range(400):
        if not services.uploads.n_waiting:
            break
        time.sleep(0.05)
    services.uploads.close()
    states = Store.open(store).states()
    assert (states["travel.md"].status, states["long.md"].status) == ("stored", "failed")
    assert not known()["is_queued"]


def wait_for_text(site, key, document):
    for _ in range(400):
        reply = site.call("GET", "/documents/text", key=key, params={"document": document})
        if reply.status_code == 200 and site.services.uploads.n_waiting == 0:
            return reply.json()["text"]
        time.sleep(0.05)
    raise AssertionError(f"{document} was never read")


def test_a_question_is_limited_to_files_changed_between_two_days(site, boss):
    today = datetime.now(UTC).date()

    def found(**days):
        body = {"question": QUESTION, **{name: day.isoformat() for name, day in days.items()}}
        return len(site.call("POST", "/search", key=boss, json=body).json()["passages"])

    old = date(2020, 1, 1)
    assert (found(since=today), found(until=today), found(since=old, until=today)) == (1, 1, 1)
    assert (found(until=old), found(since=date(2100, 1, 1))) == (0, 0)
    assert site.call("GET", "/documents", key=boss).json()["documents"][0]["changed"] == today.isoformat()


def test_a_database_that_cannot_be_used_is_no_mistake_of_who_asks(site, boss, monkeypatch):
    def full(*_):
        raise StateError("cannot use the server's database: disk full. Make room.")

    monkeypatch.setattr(site.services.accounts, "set_rights", full)
    reply = site.call("PATCH", "/accounts/users/boss", key=boss, json={"scopes": ["admin"]})
    assert (reply.status_code, reply.json()["error"]["type"]) == (503, "access")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/query", b'{"question": "What is%s?"}'),
        ("/search", b'{"question": "hotel", "turns": [{"role": "user", "text": "%s"}]}'),
        ("/conversations", b'{"title": "Hotel %s"}'),
        ("/feedback", b'{"rating": "good", "answer": {"question": "%s"}}'),
        ("/feedback", b'{"rating": "good", "answer": {}, "%s": 1}'),
        ("/verify", b'{"question": "q", "text": "%s", "claims": [], "receipt": {}}'),
        ("/v1/chat/completions", b'{"messages": [{"role": "user", "content": "hotel %s"}]}'),
    ],
)
def test_half_a_character_is_a_mistake_of_who_sends_it(site, boss, path, body):
    sent = body.replace(b"%s", b"\\ud83d")
    reply = site.call("POST", path, key=boss, content=sent, headers={"Content-Type": "application/json"})
    assert reply.status_code == (400 if path.startswith("/v1") else 422)
    assert "half a character" in reply.json()["error"]["message"]

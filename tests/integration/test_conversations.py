"""Conversations: whose they are, what a follow-up knows, and what becomes of an answer whose sources change."""

import json

import pytest

from tests.integration.serving import QUESTION, TRAVEL, build_site, build_store


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "docs"
    root.mkdir()
    (root / "travel.md").write_text(TRAVEL, encoding="utf-8")
    return root


@pytest.fixture
def site(tmp_path, folder, fake_embedder):
    return build_site(
        tmp_path, build_store(tmp_path, folder, fake_embedder), fake_embedder, rules="*: *\n", auth={"mode": "on"}
    )


@pytest.fixture
def keys(site):
    return {name: site.services.accounts.create_key(name, ["ask", "read"], [name]) for name in ("ana", "ben")}


def begin(site, key, title="Travel"):
    return site.call("POST", "/conversations", key=key, json={"title": title}).json()["id"]


def ask(site, key, conversation, question=QUESTION, **more):
    return site.call("POST", "/query", key=key, json={"question": question, "conversation": conversation, **more})


def read(site, key, conversation):
    return site.call("GET", f"/conversations/{conversation}", key=key)


@pytest.mark.parametrize("is_stream", [False, True])
def test_an_answer_is_kept_as_it_was_given_out_and_found_by_its_question(site, keys, is_stream):
    mine = begin(site, keys["ana"])
    reply = ask(site, keys["ana"], mine, stream=is_stream)
    said = read(site, keys["ana"], mine).json()
    assert [(turn["question"], turn["changed"]) for turn in said["turns"]] == [(QUESTION, [])]
    answer = said["turns"][0]["answer"]
    assert answer["claims"][0]["citations"][0]["document"] == "travel.md"
    assert answer["receipt"]["id"] in reply.text
    assert site.call("POST", "/verify", key=keys["ana"], json=answer).json()["status"] == "confirmed"

    def found(text):
        listed = site.call("GET", "/conversations", key=keys["ana"], params={"text": text}).json()
        return [one["id"] for one in listed["conversations"]]

    assert (found("HOTEL madrid"), found("travel"), found("Lisbon")) == ([mine], [mine], [])


def test_the_list_ends_at_its_limit_and_counts_all(site, keys):
    begun = [begin(site, keys["ana"], title) for title in ("Hotel in Rome", "Dinner", "Hotel in Oslo")]

    def found(**params):
        listed = site.call("GET", "/conversations", key=keys["ana"], params=params).json()
        return [one["id"] for one in listed["conversations"]], listed["total"]

    assert found(limit=1) == (begun[2:], 3)
    assert found(text="HOTEL", limit=1) == (begun[2:], 2)
    assert found(text="hotel rome") == (begun[:1], 1)
    assert found(text="%") == ([], 0)


def test_nobody_else_reads_renames_continues_or_deletes_it(site, keys):
    mine = begin(site, keys["ana"])
    ask(site, keys["ana"], mine)
    admin = site.services.accounts.create_key("boss", ["admin"])
    for other in (keys["ben"], admin):
        assert read(site, other, mine).status_code == 404
        assert ask(site, other, mine).status_code == 404
        assert ask(site, other, mine, stream=True).status_code == 404
        assert site.call("PATCH", f"/conversations/{mine}", key=other, json={"title": "x"}).status_code == 404
        assert site.call("DELETE", f"/conversations/{mine}", key=other).status_code == 404
        assert site.call("GET", "/conversations", key=other).json() == {"conversations": [], "total": 0}
    renamed = site.call("PATCH", f"/conversations/{mine}", key=keys["ana"], json={"title": " Hotel \n limits "})
    assert (renamed.json()["title"], renamed.json()["questions"]) == ("Hotel limits", 1)
    assert site.call("DELETE", f"/conversations/{mine}", key=keys["ana"]).status_code == 204
    assert read(site, keys["ana"], mine).status_code == 404


def test_the_next_user_of_a_name_does_not_find_the_conversations_of_the_last(site):
    accounts = site.services.accounts
    keys = []
    for number in range(2):
        accounts.add_user("eve", "correct horse battery", ["ask"])
        keys.append(accounts.create_key(f"eve-{number}", ["ask"], user="eve"))
        if number == 0:
            ask(site, keys[0], begin(site, keys[0]))
            assert site.call("GET", "/conversations", key=keys[0]).json()["total"] == 1
            accounts.remove_user("eve")
    assert site.call("GET", "/conversations", key=keys[1]).json()["total"] == 0


def test_nothing_of_a_removed_user_is_the_next_ones_of_the_name(site, keys):
    accounts = site.services.accounts

    def arrive(number):
        accounts.add_user("eve", "correct horse battery", ["ask", "read", "write"])
        return accounts.create_key(f"eve-{number}", ["ask", "read", "write"], ["ana"], user="eve")

    first = arrive(1)
    store = site.call("POST", "/v1/vector_stores", key=first, json={"name": "mine"}).json()["id"]
    sent = site.call("POST", "/documents", key=first, files={"files": ("diary.md", b"The secret is forty.")}).json()
    said = site.call("POST", "/v1/responses", key=first, json={"model": "rag", "input": QUESTION}).json()["id"]
    for route in (mine := [f"/v1/vector_stores/{store}", f"/documents/uploads/{sent['id']}", f"/v1/responses/{said}"]):
        assert site.call("GET", route, key=first).status_code == 200, route
    accounts.remove_user("eve")
    second = arrive(2)
    assert site.call("GET", "/documents", key=first).status_code == 401
    for route in mine:
        assert site.call("GET", route, key=second).status_code == 404, route
    again = site.call("POST", "/documents", key=second, files={"files": ("diary.md", b"The secret is fifty.")})
    assert again.json()["files"][0]["status"] == "queued"
    folder = site.services.config.server.state / "uploads"
    assert {file.read_text() for file in folder.rglob("diary.md")} == {"The secret is forty.", "The secret is fifty."}


def test_whoever_reads_what_was_kept_is_in_the_audit_log(site, keys):
    mine = begin(site, keys["ana"])
    kept = ask(site, keys["ana"], mine).json()
    share(site, keys["ana"], mine)
    for name in ("ana", "ben"):
        read(site, keys[name], mine)
    site.call("POST", "/feedback", key=keys["ana"], json={"rating": "good", "answer": kept})
    site.call("GET", "/feedback", key=site.services.accounts.create_key("boss", ["admin"]))
    log = (site.services.config.server.state / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    noted = [(entry["who"], entry["action"]) for entry in map(json.loads, log) if entry["documents"] == ["travel.md"]]
    assert noted == [("key-ana", "query"), ("key-ana", "conversation"), ("key-ben", "shared"), ("key-boss", "feedback")]


def test_what_was_said_after_a_hidden_answer_is_hidden_too(site, keys, tmp_path, folder, fake_embedder):
    (folder / "dinner.md").write_text("The dinner limit in Rome is 35 euros.", encoding="utf-8")
    build_store(tmp_path, folder, fake_embedder)
    mine = begin(site, keys["ana"])
    for question in (QUESTION, "What is the dinner limit in Rome?"):
        assert not ask(site, keys["ana"], mine, question).json()["abstained"]
    (tmp_path / "access.rules").write_text("*: ben\ndinner.md: ana\n", encoding="utf-8")
    assert [turn["answer"] for turn in read(site, keys["ana"], mine).json()["turns"]] == [None, None]


def test_a_follow_up_is_searched_for_with_the_question_before_it(site, keys):
    mine = begin(site, keys["ana"])
    alone = ask(site, keys["ana"], begin(site, keys["ana"]), "And what is it there?").json()
    ask(site, keys["ana"], mine)
    after = ask(site, keys["ana"], mine, "And what is it there?").json()
    assert (alone["abstained"], after["abstained"]) == (True, False)
    assert after["claims"][0]["citations"][0]["document"] == "travel.md"


def test_a_kept_answer_says_which_of_its_sources_changed(site, keys, tmp_path, folder, fake_embedder):
    mine = begin(site, keys["ana"])
    ask(site, keys["ana"], mine)
    (folder / "travel.md").write_text(TRAVEL.replace("140", "150"), encoding="utf-8")
    build_store(tmp_path, folder, fake_embedder)
    turn = read(site, keys["ana"], mine).json()["turns"][0]
    assert turn["changed"] == ["travel.md"] and "140 euros" in turn["answer"]["text"]


def test_an_answer_is_hidden_from_its_user_once_a_source_of_it_is_no_longer_for_them(site, keys, tmp_path):
    mine = begin(site, keys["ana"])
    ask(site, keys["ana"], mine)
    (tmp_path / "access.rules").write_text("*: ben\n", encoding="utf-8")
    said = read(site, keys["ana"], mine)
    assert said.json()["turns"][0]["answer"] is None and "140 euros" not in said.text
    assert "140 euros" not in ask(site, keys["ana"], mine, "And what is it there?").text


def share(site, key, conversation, method="PUT"):
    return site.call(method, f"/conversations/{conversation}/share", key=key)


def test_a_shared_conversation_is_read_by_link_but_changed_by_its_owner_alone(site, keys):
    mine = begin(site, keys["ana"])
    ask(site, keys["ana"], mine)
    assert share(site, keys["ben"], mine).status_code == 404
    assert (read(site, keys["ana"], mine).json()["is_shared"], read(site, keys["ben"], mine).status_code) == (False, 404)
    assert share(site, keys["ana"], mine).json()["is_shared"]
    seen = read(site, keys["ben"], mine).json()
    assert (seen["is_own"], seen["turns"][0]["question"]) == (False, QUESTION)
    assert seen["turns"][0]["answer"] == read(site, keys["ana"], mine).json()["turns"][0]["answer"]
    assert site.call("GET", "/conversations", key=keys["ben"]).json()["total"] == 0
    assert ask(site, keys["ben"], mine).status_code == 404
    assert site.call("PATCH", f"/conversations/{mine}", key=keys["ben"], json={"title": "x"}).status_code == 404
    assert site.call("DELETE", f"/conversations/{mine}", key=keys["ben"]).status_code == 404
    assert share(site, keys["ben"], mine, "DELETE").status_code == 404
    assert not share(site, keys["ana"], mine, "DELETE").json()["is_shared"]
    assert read(site, keys["ben"], mine).status_code == 404


def test_a_shared_answer_is_shown_only_to_who_may_read_all_that_it_was_drawn_from(site, keys, tmp_path, folder, fake_embedder):
    (folder / "bonus.md").write_text("# Bonus\n\nThe hotel bonus in Madrid is 97531 euros.\n", encoding="utf-8")
    build_store(tmp_path, folder, fake_embedder)
    mine = begin(site, keys["ana"])
    answer = ask(site, keys["ana"], mine).json()
    assert {c["document"] for claim in answer["claims"] for c in claim["citations"]} == {"travel.md"}
    share(site, keys["ana"], mine)

    def shown(name):
        return read(site, keys[name], mine).json()["turns"][0]["answer"]

    assert shown("ben") == answer
    (tmp_path / "access.rules").write_text("*: *\nbonus.md: ana\n", encoding="utf-8")
    assert (shown("ana"), shown("ben")) == (answer, None)
    (tmp_path / "access.rules").write_text("*: *\n", encoding="utf-8")
    (folder / "bonus.md").unlink()
    build_store(tmp_path, folder, fake_embedder)
    assert (shown("ana"), shown("ben")) == (answer, None), "nobody can tell any more who might read it"

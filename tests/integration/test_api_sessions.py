"""Logins, proxies, other sites, and the manners that every response shows."""

import asyncio
import json
import logging

import httpx
import pytest

from rag.api.logs import start_log
from rag.api.server import require_safe
from rag.config import AuthConfig, RagConfig, ServerConfig
from rag.errors import ServerError
from tests.integration.serving import QUESTION, TRAVEL, build_site, build_store

PASSWORD = "correct horse battery"
ASKED = {"json": {"question": QUESTION}}


@pytest.fixture
def build(tmp_path, fake_embedder):
    root = tmp_path / "docs"
    root.mkdir()
    (root / "travel.md").write_text(TRAVEL, encoding="utf-8")
    store = build_store(tmp_path, root, fake_embedder)

    def make(mode="on", **server):
        auth = {"mode": mode, **{key: server.pop(key) for key in list(server) if key.startswith("proxy_")}}
        return build_site(tmp_path, store, fake_embedder, rules="*: staff\n", auth=auth, **server)

    return make


@pytest.fixture
def site(build, monkeypatch):
    monkeypatch.setattr("rag.access.passwords._N", 2**8)  # tests of the server need no slow passwords
    site = build()
    site.services.accounts.add_user("ana", PASSWORD, ["ask", "read"], ["staff"])
    return site


def log_in(site, **options):
    reply = site.call("POST", "/session", json={"user": "ana", "password": PASSWORD}, **options)
    assert reply.status_code == 200, reply.text
    return reply


def test_a_login_is_a_cookie_no_script_reads_and_a_token_no_other_site_knows(site):
    reply = log_in(site)
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Secure" not in cookie
    jar, token = {"Cookie": cookie.split(";")[0]}, reply.json()["csrf"]
    assert site.call("GET", "/documents", headers=jar).json()["total"] == 1
    without = site.call("POST", "/query", headers=jar, **ASKED)
    assert (without.status_code, without.json()["error"]["type"]) == (403, "csrf")
    assert site.call("POST", "/query", headers={**jar, "X-CSRF-Token": "x"}, **ASKED).status_code == 403
    assert site.call("POST", "/query", headers={**jar, "X-CSRF-Token": token}, **ASKED).json()["claims"]
    me = site.call("GET", "/session", headers=jar).json()
    assert (me["user"], me["groups"], me["how"], me["csrf"]) == ("ana", ["staff"], "session", token)
    assert site.call("DELETE", "/session", headers={**jar, "X-CSRF-Token": token}).status_code == 204
    assert site.call("GET", "/documents", headers=jar).status_code == 401


def test_a_session_ends_with_the_user_and_with_a_new_password(site):
    accounts = site.services.accounts
    jars = [{"Cookie": log_in(site).headers["set-cookie"].split(";")[0]}]
    accounts.set_password("ana", PASSWORD + "!")
    assert site.call("GET", "/session", headers=jars[0]).status_code == 401
    assert site.call("POST", "/session", json={"user": "ana", "password": PASSWORD}).status_code == 401
    accounts.set_password("ana", PASSWORD)
    jar = {"Cookie": log_in(site).headers["set-cookie"].split(";")[0]}
    key = accounts.create_key("anas", ["ask", "read"], user="ana")
    assert site.call("GET", "/documents", key=key).json()["total"] == 1
    accounts.remove_user("ana")
    assert site.call("GET", "/session", headers=jar).status_code == 401
    assert site.call("GET", "/session", key=key).status_code == 401


def test_guessing_passwords_is_slowed_down(site):
    wrong = {"json": {"user": "ana", "password": "something else"}}
    statuses = [site.call("POST", "/session", **wrong).status_code for _ in range(12)]
    assert statuses[:10] == [401] * 10
    assert 429 in statuses[10:]


def test_who_guesses_from_one_address_locks_nobody_else_out(site):
    for number in range(12):
        site.call("POST", "/session", json={"user": f"x{number}", "password": "something else"})
    for _ in range(12):
        assert site.call("POST", "/session", json={"user": "ana", "password": "something else"}).status_code == 429
    site.services.logins._left.pop("address 127.0.0.1", None)
    assert log_in(site).status_code == 200, "what was refused for its address counts for no user"


def test_keys_expire(site):
    key = site.services.accounts.create_key("old", ["read"], days=-1)
    assert site.call("GET", "/documents", key=key).status_code == 401
    assert site.call("GET", "/documents", key=key[:-1] + ("a" if key[-1] != "a" else "b")).status_code == 401


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_page_of_another_site_cannot_make_a_browser_ask(build, headers):
    site = build(mode="auto")
    refused = site.call("POST", "/query", headers=headers, **ASKED)
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "cross_site")
    assert "access-control-allow-origin" not in refused.headers
    assert site.call("POST", "/query", headers={"Origin": "http://localhost"}, **ASKED).status_code == 200


def test_configured_sites_may_ask_and_no_others(build):
    site = build(mode="auto", origins=("https://intranet.example",))
    asked = {"Access-Control-Request-Method": "POST"}
    for origin, is_allowed in (("https://intranet.example", True), ("https://evil.example", False)):
        flight = site.call("OPTIONS", "/query", headers={"Origin": origin, **asked})
        assert (flight.headers.get("access-control-allow-origin") == origin) is is_allowed
        assert (site.call("POST", "/query", headers={"Origin": origin}, **ASKED).status_code == 200) is is_allowed


def test_a_name_that_is_not_ours_is_refused(build):
    site = build(mode="auto")
    refused = site.call("GET", "/documents", headers={"Host": "evil.example"})
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "host")
    named = build(mode="auto", hosts=("docs.example",))
    assert named.call("GET", "/healthz", headers={"Host": "docs.example:8000"}).status_code == 200
    assert named.call("GET", "/healthz").status_code == 400


def from_address(site, address, path, headers):
    async def go():
        transport = httpx.ASGITransport(site.app, client=(address, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(go())


def test_only_the_configured_proxy_may_say_who_asks(build):
    site = build(proxies=("10.0.0.0/8",), proxy_user_header="X-User", proxy_groups_header="X-Groups")
    told = {"X-User": "ana", "X-Groups": "staff, others", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    trusted = from_address(site, "10.1.2.3", "/session", told)
    assert trusted.json() == {
        "user": "ana", "groups": ["others", "staff"], "scopes": ["ask", "read"], "how": "proxy", "csrf": None, "expires": None,
    }  # fmt: skip
    assert from_address(site, "10.1.2.3", "/documents", told).json()["total"] == 1
    for headers in ({**told, "X-Forwarded-For": "10.1.2.3"}, told):
        assert from_address(site, "203.0.113.9", "/session", headers).status_code == 401
    assert from_address(site, "10.1.2.3", "/session", {**told, "X-User": "key-admin"}).status_code == 401
    by_address = {**told, "X-User": "ana@example.org", "X-Groups": "Human Resources"}
    assert from_address(site, "10.1.2.3", "/session", by_address).json()["user"] == "ana@example.org"
    assert from_address(site, "10.1.2.3", "/session", by_address).json()["groups"] == ["Human Resources"]


def test_the_cookie_is_secure_where_the_proxy_speaks_tls(build, monkeypatch):
    monkeypatch.setattr("rag.access.passwords._N", 2**8)
    site = build(proxies=("127.0.0.1",))
    site.services.accounts.add_user("ana", PASSWORD, ["read"])
    secure = log_in(site, headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"]
    assert "Secure" in secure


def test_every_response_has_safe_headers_and_the_id_of_its_request(site):
    for path, sent in (("/healthz", "my-id.1"), ("/nothing", "bad id\x7f"), ("/docs", ""), ("/documents", "x" * 65)):
        response = site.call("GET", path, headers={"X-Request-ID": sent})
        assert (response.headers["x-request-id"] == sent) is (sent == "my-id.1")
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
    error = site.call("GET", "/documents", headers={"X-Request-ID": "abc"}).json()["error"]
    assert error["request_id"] == "abc"


def test_an_error_of_our_own_says_no_more_than_its_id(site, monkeypatch, capfd):
    start_log()
    monkeypatch.setattr(site.services.accounts, "by_key", lambda text: 1 / 0)
    response = site.call("GET", "/documents", key="rag_x", headers={"X-Request-ID": "abc"})
    assert response.status_code == 500
    assert (response.json()["error"]["type"], response.headers["x-request-id"]) == ("internal", "abc")
    assert "division" not in response.text
    entries = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    logging.getLogger("rag.api").handlers.clear()
    assert any(entry.get("request") == "abc" and "ZeroDivisionError" in entry.get("traceback", "") for entry in entries)


def test_the_log_has_requests_but_no_question_no_document_and_no_key(site, capfd):
    start_log()
    key = site.services.accounts.create_key("logged", ["ask", "read"], ["staff"])
    site.call("POST", "/query", key=key, **ASKED)
    site.call("GET", "/documents/text", key=key, params={"document": "travel.md"})
    said = capfd.readouterr().err
    logging.getLogger("rag.api").handlers.clear()
    entries = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [(entry["route"], entry["status"], entry["who"]) for entry in entries] == [
        ("/query", 200, "key-logged"), ("/documents/text", 200, "key-logged"),
    ]  # fmt: skip
    assert not any(secret in said for secret in (QUESTION, "Madrid", "travel.md", key, key.split("_", 2)[2]))


def test_requests_of_one_key_are_counted(build):
    site = build(max_requests_per_minute=3)
    first, second = (site.services.accounts.create_key(name, ["read"]) for name in "ab")
    replies = [site.call("GET", "/documents", key=first) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert int(replies[-1].headers["retry-after"]) > 0
    assert site.call("GET", "/documents", key=second).status_code == 200


@pytest.mark.parametrize(
    ("host", "auth", "is_safe"),
    [("127.0.0.1", "off", True), ("::1", "off", True), ("0.0.0.0", "off", False), ("192.0.2.1", "auto", True)],
)
def test_a_server_that_others_reach_must_ask_who_they_are(host, auth, is_safe):
    config = RagConfig(server=ServerConfig(host=host), auth=AuthConfig(mode=auth))
    if is_safe:
        require_safe(config)
    else:
        with pytest.raises(ServerError, match="rag keys create"):
            require_safe(config)
    with pytest.raises(ServerError, match=r"server\.proxies"):
        require_safe(RagConfig(auth=AuthConfig(proxy_user_header="X-User")))

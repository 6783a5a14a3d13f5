"""Login by OpenID Connect, at an issuer that signs real tokens and is as strict as one."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from types import SimpleNamespace
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI, Form, Request
from fastapi.responses import JSONResponse
from joserfc import jwk, jwt

from rag.api.services import build_services
from rag.config import AccessConfig, AuthConfig, RagConfig, ServerConfig
from rag.errors import ServerError
from tests.conftest import FakeEmbedder
from tests.integration.serving import QUESTION, TRAVEL, Site, build_app, build_engine, build_store, running

CLIENT, SECRET = "grounded", "of the client"
RULES = "*: *\nhr/*: hr\n"


class Issuer:
    """Hands out a code for every login it is asked for, and for the code a token, with `changes` to its claims."""

    def __init__(self):
        self.key = jwk.RSAKey.generate_key(2048, {"kid": "one"})
        self.codes = {}
        self.address = self.name = ""
        self.app = FastAPI()
        self.app.get("/.well-known/openid-configuration")(self.tell)
        self.app.get("/keys")(lambda: {"keys": [self.key.as_dict(private=False)]})
        self.app.post("/token")(self.give)

    def tell(self):
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.name or self.address, **{name: f"{self.address}/{end}" for name, end in ends.items()}}

    def approve(self, location, sign=None, **changes):
        """What the browser brings back from the page at `location`, where somebody said yes."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert location.startswith(f"{self.address}/authorize?")
        assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", CLIENT, "S256")
        assert "openid" in asked["scope"].split()
        code = secrets.token_hex(8)
        self.codes[code] = (asked, sign, changes)
        return {"code": code, "state": asked["state"]}

    def give(self, request: Request, code: Annotated[str, Form()], code_verifier: Annotated[str, Form()],
             redirect_uri: Annotated[str, Form()]):  # fmt: skip
        asked, sign, changes = self.codes.pop(code, ({}, None, {}))
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        challenge = packed(hashlib.sha256(code_verifier.encode()).digest())
        told = (request.headers.get("authorization"), redirect_uri, challenge)
        if told != (f"Basic {basic}", asked.get("redirect_uri"), asked.get("code_challenge")):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "sub": "u-17", "nick": "ana", "groups": ["hr", "@ben"], "iat": now,
                  "exp": now + 60, "nonce": asked["nonce"], **changes}  # fmt: skip
        return {"access_token": "x", "token_type": "Bearer", "id_token": (sign or self.sign)(claims)}

    def sign(self, claims):
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)

    def sign_with_another_key(self, claims):
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, jwk.RSAKey.generate_key(2048))

    def sign_with_what_is_public(self, claims):
        text = self.do_not_sign(claims, "HS256").rstrip(".")
        return f"{text}.{packed(hmac.digest(self.key.as_pem(private=False), text.encode(), 'sha256'))}"

    def do_not_sign(self, claims, told="none"):
        return ".".join([*(packed(json.dumps(part).encode()) for part in ({"alg": told, "kid": "one"}, claims)), ""])


def packed(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.fixture(scope="module")
def issuer():
    issuer = Issuer()
    with running(SimpleNamespace(app=issuer.app)) as issuer.address:
        yield issuer


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("oidc")
    (root / "docs" / "hr").mkdir(parents=True)
    (root / "docs" / "travel.md").write_text(TRAVEL, encoding="utf-8")
    (root / "docs" / "hr" / "bonus.md").write_text("# Bonus\n\nThe bonus is 900 euros.\n", encoding="utf-8")
    (root / "access.rules").write_text(RULES, encoding="utf-8")
    return build_store(root, root / "docs", FakeEmbedder())


@pytest.fixture
def build(tmp_path, store, issuer, monkeypatch):
    monkeypatch.setenv("RAG_OIDC_SECRET", SECRET)

    def make(**access):
        access = {"issuer": issuer.address, "client_id": CLIENT, "file": str(store.parent / "access.rules"), **access}
        config = RagConfig(
            store={"path": store},
            server=ServerConfig(state=tmp_path / "state"),
            auth=AuthConfig(mode="on"),
            access=AccessConfig(**access),
        )
        services = build_services(build_engine(store, FakeEmbedder()), config, FakeEmbedder())
        return Site(build_app(services), services)

    return make


def begin(site, **params):
    reply = site.call("GET", "/session/oidc", params=params)
    cookie = reply.headers["set-cookie"]
    assert reply.status_code == 303 and "HttpOnly" in cookie and "SameSite=lax" in cookie
    return reply.headers["location"], cookie.split(";")[0]


def come_back(site, cookie, brought):
    return site.call("GET", "/session/oidc/callback", params=brought, headers={"Cookie": cookie})


def session_of(reply):
    return next((c.split(";")[0] for c in reply.headers.get_list("set-cookie") if c.startswith("rag_session=")), None)


@pytest.mark.parametrize(("user_claim", "name"), [("sub", "u-17"), ("nick", "ana")])
def test_a_login_begins_a_session_with_the_groups_that_the_issuer_tells(build, issuer, user_claim, name):
    site = build(user_claim=user_claim)
    assert "/session/oidc" in site.call("GET", "/session").json()["error"]["message"]
    location, cookie = begin(site, next="/docs?x=1")
    reply = come_back(site, cookie, issuer.approve(location))
    assert reply.status_code == 200 and 'url=/docs?x=1"' in reply.text, reply.text
    assert "HttpOnly; Max-Age" in reply.headers["set-cookie"] and "SameSite=strict" in reply.headers["set-cookie"]
    jar = {"Cookie": session_of(reply)}
    me = site.call("GET", "/session", headers=jar).json()
    assert (me["user"], me["groups"], me["scopes"]) == (name, ["hr"], ["ask", "read"])
    assert site.call("GET", "/documents", headers=jar).json()["total"] == 2
    asked = {"json": {"question": QUESTION}}
    assert site.call("POST", "/query", headers=jar, **asked).status_code == 403  # without the token
    tokened = {**jar, "X-CSRF-Token": me["csrf"]}
    assert site.call("POST", "/query", headers=tokened, **asked).json()["claims"]
    location, cookie = begin(site)
    stranger = come_back(site, cookie, issuer.approve(location, groups="sales", sub="u-18", nick="ben"))
    assert site.call("GET", "/documents", headers={"Cookie": session_of(stranger)}).json()["total"] == 1
    assert site.call("DELETE", "/session", headers=tokened).status_code == 204
    assert site.call("GET", "/documents", headers=jar).status_code == 401


def test_what_does_not_hold_begins_no_session(build, issuer):
    site = build()
    old = int(time.time()) - 3600
    for changes in (
        {"nonce": "of another login"},
        {"aud": "another client"},
        {"aud": [CLIENT, "another client"], "azp": "another client"},
        {"iss": "https://issuer.example"},
        {"exp": old},
        {"iat": int(time.time()) + 3600},
        {"sub": "local"},
        {"sub": "key-admin"},
        {"sub": "a name, with spaces"},
        {"sign": issuer.sign_with_another_key},
        {"sign": issuer.sign_with_what_is_public},
        {"sign": issuer.do_not_sign},
        {"sign": lambda claims: "no token"},
    ):
        location, cookie = begin(site)
        reply = come_back(site, cookie, issuer.approve(location, **changes))
        assert (reply.status_code, session_of(reply)) == (401, None), (changes, reply.text)
        assert reply.json()["error"]["type"] == "unauthenticated"


def test_a_login_that_another_browser_began_is_refused(build, issuer):
    site = build()
    location, cookie = begin(site)
    _, other = begin(site)
    brought = issuer.approve(location)
    pending = json.loads(base64.urlsafe_b64decode(cookie.partition("=")[2].strip('"')))
    forged = base64.urlsafe_b64encode(json.dumps({**pending, "verifier": "x" * 64}).encode()).decode()
    for jar, brings, why in (
        (other, brought, "not of the login that this browser began"),
        (cookie, {**brought, "state": "x"}, "not of the login that this browser began"),
        (cookie, {**brought, "code": "x"}, "does not take the code"),
        ("rag_login=nonsense", brought, "did not begin a login"),
        ("", brought, "did not begin a login"),
        (cookie, {"error": "access_denied", "state": brought["state"]}, "access_denied"),
        (f"rag_login={forged}", brought, "does not take the code"),
    ):
        reply = come_back(site, jar, brings)
        assert (reply.status_code, session_of(reply)) == (401, None) and why in reply.json()["error"]["message"]
    again = issuer.approve(location)
    assert session_of(come_back(site, cookie, again)) and come_back(site, cookie, again).status_code == 401


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "/ x", 'x"><script>'])
def test_nobody_is_sent_to_another_site(build, issuer, elsewhere):
    site = build()
    location, cookie = begin(site, next=elsewhere)
    assert 'url=/"' in come_back(site, cookie, issuer.approve(location)).text


def test_an_issuer_that_cannot_be_trusted_or_reached_is_said(build, issuer, monkeypatch):
    for access, why in (
        ({"issuer": "http://issuer.example"}, "not `https://`"),
        ({"client_id": ""}, "access.client_id is empty"),
    ):
        with pytest.raises(ServerError, match=why):
            build(**access)
    gone = build(issuer="http://127.0.0.1:9").call("GET", "/session/oidc")
    assert (gone.status_code, gone.json()["error"]["type"]) == (503, "access")
    monkeypatch.setattr(issuer, "name", "https://another.example")
    assert "calls itself `https://another.example`" in build().call("GET", "/session/oidc").json()["error"]["message"]
    assert not any(path.startswith("/session/oidc") for path in build(issuer="").app.openapi()["paths"])

"""The client in Python, against a real server."""

import pytest

from rag.answers import Claim
from rag.client import Client, ClientError, Narrowing, Reply
from tests.integration.serving import QUESTION, TRAVEL, running
from tests.integration.test_api_streams import CLAIMS, Talking
from tests.integration.test_openai_chat import HOTEL, build

__all__ = ["build"]  # a fixture


def test_what_the_server_can_do_comes_typed(build):
    with running(build()) as address, Client(address) as client:
        reply = client.ask(QUESTION, turns=[("user", "Hello."), ("assistant", "Hello.")])
        (claim,) = reply.claims
        assert (reply.text, reply.abstained, reply.withheld) == (HOTEL, False, ())
        assert (claim.verdict, claim.citations[0].document, claim.citations[0].quote) == ("supported", "travel.md", HOTEL)
        assert reply.json["receipt"]["id"]
        (passage,) = client.search(QUESTION, within=Narrowing(types=["md"], top_k=1))
        assert TRAVEL[passage.start : passage.end] == passage.text
        assert client.ask(QUESTION, within=Narrowing(documents=["none"])).reason == "nothing_retrieved"
        assert client.check("It is 140 euros.", {"s": "It is 120 euros."})["supported"] is False
        assert [document["document"] for document in client.documents(type="md")] == ["travel.md"]


def test_a_stream_gives_claims_and_then_the_reply(build):
    with running(build(Talking(CLAIMS))) as address, Client(address) as client:
        *claims, reply = client.stream(QUESTION, policy="mark")
        assert isinstance(reply, Reply) and all(isinstance(claim, Claim) for claim in claims)
        assert [(c.text, c.verdict, c.citations) for c in claims] == [(c.text, c.verdict, c.citations) for c in reply.claims]
        assert reply.text == client.ask(QUESTION, policy="mark").text


def test_errors_say_what_the_server_said(build):
    site = build(Talking(CLAIMS[:1], fails=True), auth={"mode": "on"})
    with running(site) as address:
        with Client(address) as nobody, pytest.raises(ClientError, match="no valid key") as error:
            nobody.ask(QUESTION)
        assert (error.value.kind, error.value.status) == ("unauthenticated", 401) and error.value.request_id
        with Client(address, key=site.services.accounts.create_key("k", ["ask"])) as client:
            with pytest.raises(ClientError, match="Start it again") as error:
                list(client.stream(QUESTION))
            assert error.value.kind == "generator"
            with pytest.raises(ClientError, match="no word in it"):
                next(client.stream("?"))
    with Client(address) as gone, pytest.raises(ClientError, match="rag serve"):
        gone.search(QUESTION)

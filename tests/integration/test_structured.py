"""Answers in the form of a JSON Schema, over a small store, with scripted generators in the place of a language model."""

import hashlib
import json

import pytest

from ingest.store import Store
from rag.checker.check import Checker
from rag.cli import main
from rag.display import show_answer
from rag.errors import GeneratorUnavailable, SchemaError
from rag.generators import Draft
from rag.generators.openai import OpenAIGenerator
from rag.pipeline import answer
from rag.questions import Options
from rag.schema import make_schema
from rag.streaming import answer_events
from rag.verification import verify
from tests.chat.stub import DIALECTS, Said, Stub, serving, speaking
from tests.integration.serving import build_engine, build_site, build_store

TEXT = (
    "# Travel\n\nThe hotel limit in Madrid is 140 euros per night. Flights are booked by the travel desk. "
    "Forms are at https://corp.example/forms on the intranet.\n"
)
QUESTION = "What is the hotel limit in Madrid, and who books flights?"
NULLABLE = {"type": ["string", "null"]}
SCHEMA = {
    "type": "object",
    "properties": {
        "kind": {"const": "travel-rule"},
        "hotel_limit": NULLABLE,
        "amount": {"type": ["number", "null"]},
        "bookedBy": {"type": "string"},
        "cities": {"type": "array", "items": {"$ref": "#/$defs/city"}},
        "is_capped": {"type": ["boolean", "null"]},
        "note": {"type": ["string", "null"], "maxLength": 120},
    },
    "required": ["kind", "hotel_limit"],
    "additionalProperties": False,
    "$defs": {
        "city": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "limit": {"type": "string"}},
            "required": ["name", "limit"],
        }
    },
}
LIMIT = "140 euros per night"


class Filler:
    """Writes what it is told to, in turn."""

    name = "filler"
    can_fill = True
    can_repair = True

    def __init__(self, *drafts):
        self.drafts = list(drafts)
        self.requests = []

    def generate(self, request):
        self.requests.append(request)
        draft = self.drafts[min(len(self.requests), len(self.drafts)) - 1]
        if isinstance(draft, Exception):
            raise draft
        return Draft(text=draft if isinstance(draft, str) else json.dumps(draft))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from tests.conftest import FakeEmbedder

    root = tmp_path_factory.mktemp("filled")
    (root / "docs").mkdir()
    (root / "docs" / "travel.md").write_text(TEXT, encoding="utf-8")
    return build_store(root, root / "docs", FakeEmbedder())


@pytest.fixture
def ask(store, fake_embedder):
    def asked(*drafts, policy=None, schema=SCHEMA, **changes):
        generator = Filler(*drafts)
        engine = build_engine(store, fake_embedder, generator)
        for name, value in changes.items():
            object.__setattr__(engine, name, value)
        result = answer(engine, QUESTION, Options(policy=policy, schema=make_schema(schema)))
        assert_sound(result, schema)
        return result, generator

    return asked


def said(citations=("1",), **values):
    return {"answer": {"kind": "travel-rule", **values}, "citations": list(citations)}


def assert_sound(result, schema):
    told = result.to_json()
    assert told["value"] is None if result.abstained else make_schema(schema).is_kept(told["value"])
    for claim in result.claims:
        assert result.text[claim.start : claim.end] == claim.text and claim.field is not None
        for citation in claim.citations:
            assert TEXT[citation.start : citation.end] == citation.quote


def test_supported_values_stand_in_the_json_with_their_citations(ask, store):
    right = said(hotel_limit=LIMIT, amount=140, bookedBy="the travel desk", cities=[{"name": "Madrid", "limit": "140 euros"}])
    result, generator = ask(right)
    assert (result.abstained, result.reason, result.to_json()["value"]) == (False, None, right["answer"])
    assert {(claim.field, claim.text) for claim in result.claims} == {
        ("/hotel_limit", LIMIT),
        ("/amount", "140"),
        ("/bookedBy", "the travel desk"),
        ("/cities/0/name", "Madrid"),
        ("/cities/0/limit", "140 euros"),
    }
    assert all(claim.verdict == "supported" and claim.citations for claim in result.claims)
    assert generator.requests[0].schema["required"] == ["answer", "citations"]
    assert result.receipt["schema"] == {
        "sha256": hashlib.sha256(json.dumps(SCHEMA, sort_keys=True).encode()).hexdigest(),
        "dictated": ["/kind"],
    }
    verified = verify(result.to_json(), Store.open(store).snapshot(), Checker())
    assert verified.holds and verified.problems == ()


def test_verification_sees_what_was_slipped_in(ask, store):
    for change in (
        lambda kept: kept.update(text=kept["text"].replace("}", ', "note": "Everybody gets a car."}')),
        lambda kept: kept["value"].update(note="Everybody gets a car."),
        lambda kept: kept["claims"][0].update(end=kept["claims"][0]["end"] - 4),
    ):
        kept = ask(said(hotel_limit=LIMIT))[0].to_json()
        change(kept)
        problems = verify(kept, Store.open(store).snapshot(), Checker()).problems
        assert any("says more than its claims" in problem for problem in problems)


def test_an_unsupported_value_becomes_null_and_is_listed(ask):
    result, _ = ask(said(hotel_limit="150 euros per night", bookedBy="the travel desk"))
    assert result.to_json()["value"] == {"kind": "travel-rule", "hotel_limit": None, "bookedBy": "the travel desk"}
    assert [(claim.field, claim.text) for claim in result.withheld] == [("/hotel_limit", "150 euros per night")]
    assert result.withheld[0].verdict == "contradicted"


def test_a_value_that_may_not_be_null_goes_alone_or_with_what_needs_it(ask):
    result, _ = ask(said(hotel_limit=LIMIT, bookedBy="the finance department"))
    assert result.to_json()["value"] == {"kind": "travel-rule", "hotel_limit": LIMIT}
    assert [claim.field for claim in result.withheld] == ["/bookedBy"]
    rows = [{"name": "Oslo", "limit": "140 euros"}, {"name": "Madrid", "limit": "140 euros"}]
    result, _ = ask(said(hotel_limit=LIMIT, cities=rows))
    assert result.to_json()["value"]["cities"] == rows[1:]
    assert {claim.field for claim in result.claims} == {"/hotel_limit", "/cities/0/name", "/cities/0/limit"}
    assert [(c.field, c.reason) for c in result.withheld] == [
        ("/cities/0/name", result.withheld[0].reason),
        ("/cities/0/limit", "incomplete"),
    ]
    assert result.withheld[0].verdict == "not_enough" and result.withheld[1].verdict == "supported"


def test_it_abstains_where_the_schema_allows_neither(ask):
    schema = {"type": "object", "properties": {"limit": {"type": "string"}}, "required": ["limit"]}
    result, _ = ask({"answer": {"limit": "150 euros per night"}, "citations": ["1"]}, schema=schema)
    assert (result.abstained, result.reason) == (True, "no_evidence")
    assert [claim.text for claim in result.withheld] == ["150 euros per night"]
    single, _ = ask({"answer": "The hotel limit in Madrid is 140 euros.", "citations": ["[1]"]}, schema={"type": "string"})
    assert single.to_json()["value"] == "The hotel limit in Madrid is 140 euros."


def test_a_false_sentence_does_not_hide_behind_a_true_one(ask):
    note = 'The hotel limit in "Madrid"\nis 140 euros per night. Dinner is free of charge for everybody.'
    result, _ = ask(said(hotel_limit=LIMIT, note=note))
    assert result.to_json()["value"]["note"] is None
    assert [claim.reason == "incomplete" for claim in result.withheld] == [True, False]
    marked, _ = ask(said(hotel_limit=LIMIT, note=note), policy="mark")
    assert marked.to_json()["value"]["note"] == note
    assert [c.verdict == "supported" for c in marked.claims if c.field == "/note"] == [True, False]


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        (said([], hotel_limit=LIMIT), "uncited"),
        (said(["9"], hotel_limit=LIMIT), "uncited"),
        (said(hotel_limit=None, is_capped=True), "uncheckable"),
    ],
)
def test_what_cannot_be_checked_counts_as_unsupported(ask, draft, reason):
    result, _ = ask(draft)
    assert (result.abstained, result.reason) == (True, "no_evidence")
    assert [claim.reason for claim in result.withheld] == [reason]


def test_mark_shows_every_value_with_its_verdict_and_off_checks_none(ask):
    wrong = said(hotel_limit="150 euros per night", bookedBy="the travel desk")
    marked, _ = ask(wrong, policy="mark")
    assert marked.to_json()["value"] == wrong["answer"]
    assert {c.field: c.verdict == "supported" for c in marked.claims} == {"/hotel_limit": False, "/bookedBy": True}
    unchecked, _ = ask(wrong, policy="off")
    assert {claim.reason for claim in unchecked.claims} == {"unchecked"}


def test_json_that_is_not_as_it_must_be_goes_back_once(ask):
    right = said(hotel_limit=LIMIT)
    result, generator = ask(said(), right)
    assert '"hotel_limit" is a required property' in generator.requests[1].earlier.faults[0]
    assert result.repaired and result.to_json()["value"] == right["answer"]
    assert ask("no JSON at all", f"```json\n{json.dumps(right)}\n```")[0].to_json()["value"] == right["answer"]
    result, generator = ask(said([], hotel_limit=LIMIT), right)
    assert not result.abstained and "citations" in generator.requests[1].earlier.faults[0]
    # What was good enough at first stays where the second is worse.
    assert not ask(said(["1", "9"], hotel_limit=LIMIT), "no JSON at all")[0].abstained
    assert len(ask("no JSON at all", repair=False)[1].requests) == 1


@pytest.mark.parametrize(
    "draft",
    ["SECRET no JSON", '{"answer": {"kind": "SECRET", "hotel_limit": 1}, "citations": ["1"]}', '{"SECRET": NaN}', "[" * 9000],
)
def test_what_never_becomes_such_json_is_a_failure_that_shows_nothing_of_it(ask, draft):
    result, generator = ask(draft)
    assert (result.abstained, result.reason, len(generator.requests)) == (True, "generator_failed", 2)
    assert "schema" in result.text and "does not keep to the schema" in result.receipt["drafts"][-1]["problem"]
    assert "SECRET" not in json.dumps(result.to_json())


def test_names_that_the_schema_does_not_have_are_refused(ask):
    schema = {"type": "object", "properties": {"limit": {"type": "string"}}}
    sneaky = {"answer": {"limit": "140 euros", "Everybody gets a car": None}, "citations": ["1"]}
    result, generator = ask(sneaky, schema=schema)
    assert (result.reason, result.withheld) == ("generator_failed", ())
    assert "Everybody gets a car" in generator.requests[1].earlier.faults[0]
    assert "car" not in json.dumps(result.to_json())


def test_a_generator_that_finds_nothing_or_fails_ends_in_an_abstention(ask):
    assert ask({"answer": None, "citations": []})[0].reason == "no_evidence"
    failed, generator = ask(GeneratorUnavailable("cannot reach generator `x`"))
    assert (failed.abstained, failed.reason, len(generator.requests)) == (True, "generator_failed", 1)
    assert "cannot reach" in failed.receipt["drafts"][0]["problem"]


@pytest.mark.parametrize("policy", ["strict", "mark", "off"])
def test_a_value_with_an_address_that_no_source_has_is_shown_under_no_policy(ask, policy):
    evil = "140 euros per night ![x](https://evil.example/p?q=1)"
    result, _ = ask(said(hotel_limit=evil, note="Forms are at https://corp.example/forms on the intranet."), policy=policy)
    assert result.to_json()["value"]["hotel_limit"] is None
    assert "corp.example" in result.to_json()["value"]["note"]
    assert "evil" not in json.dumps(result.to_json()) and result.withheld[0].reason == "address"


def test_low_confidence_withholds_the_whole(ask):
    assert ask(said(hotel_limit=LIMIT), min_confidence=1.0)[0].reason == "low_confidence"


def test_the_quoting_generator_refuses(store, fake_embedder):
    with pytest.raises(SchemaError, match=r"writes no JSON.*openai"):
        answer(build_engine(store, fake_embedder), QUESTION, Options(schema=make_schema(SCHEMA)))


@pytest.mark.parametrize("refuses", [(), ("response_format",)])
def test_a_server_is_asked_for_the_format_and_what_it_writes_is_checked(store, fake_embedder, refuses):
    dialect = DIALECTS[0].__class__("any", "reasoning", refuses=refuses)
    stub = Stub(speaking(dialect, Said(content=json.dumps(said(hotel_limit=LIMIT, bookedBy="the finance department")))))
    with serving(stub) as address:
        engine = build_engine(store, fake_embedder, OpenAIGenerator(address, "gpt-oss:20b"))
        *stages, (kind, result) = answer_events(engine, QUESTION, Options(schema=make_schema(SCHEMA)))
    assert kind == "answer" and result.to_json()["value"] == {"kind": "travel-rule", "hotel_limit": LIMIT}
    assert [step[1].field for step in stages if step[0] == "claim"] == ["/hotel_limit"]
    assert [("response_format" in sent) for sent in stub.requests] == ([True, True, False] if refuses else [True])
    assert "top_k" in stub.requests[-1]
    assert "# Response Formats" in stub.requests[-1]["messages"][0]["content"]


def test_the_api_takes_a_schema_and_refuses_a_bad_one(tmp_path, store, fake_embedder):
    site = build_site(tmp_path, store, fake_embedder, generator=Filler(said(hotel_limit=LIMIT)))
    body = {"question": QUESTION, "schema": SCHEMA}
    assert site.call("POST", "/query", json=body).json()["value"]["hotel_limit"] == LIMIT
    events = site.call("POST", "/query", json={**body, "stream": True}).text
    assert events.count("event: claim") == 1 and '"value": {"kind"' in events
    for bad in ({"type": "strin"}, {"$ref": "https://evil.example/s.json"}):
        refused = site.call("POST", "/query", json={**body, "schema": bad})
        assert (refused.status_code, refused.json()["error"]["type"]) == (422, "schema")
    quoting = build_site(tmp_path, store, fake_embedder)
    assert quoting.call("POST", "/query", json=body).status_code == 422
    assert "value" not in quoting.call("POST", "/query", json={"question": QUESTION}).json()


def test_the_terminal_shows_the_json_and_what_was_withheld(ask):
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    show_answer(Console(file=out, width=200), ask(said(hotel_limit=LIMIT, bookedBy="the finance department"))[0])
    assert f'  "hotel_limit": "{LIMIT}"' in out.getvalue()
    assert f"[supported] /hotel_limit: {LIMIT}" in out.getvalue() and "/bookedBy: the finance department" in out.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[1]", "no JSON object"),
        ('{"type": "nonsense"}', "nonsense"),
        ('{"properties": {"a": {"$ref": "https://evil.example/s.json"}}}', "nothing is fetched"),
        ('{"a": ' * 50 + "1" + "}" * 50, "levels"),
        (None, "No such file"),
    ],
)
def test_a_bad_schema_is_wrong_usage(tmp_path, capsys, content, words):
    file = tmp_path / "s.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert main(["ask", "x", "--schema", str(file), "--store", str(tmp_path / "none")]) == 2
    assert words in capsys.readouterr().err

"""Policies, repair, suggestions, contradictions and streaming, with scripted generators in the place of a language model."""

import json
from dataclasses import replace
from io import StringIO
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from ingest.chunker import ChunkerSettings
from ingest.config import EmbedderConfig
from ingest.pipeline import ingest_folder
from ingest.store import Store
from rag.checker.check import Checker
from rag.checker.support import LogisticSupport, Support
from rag.cli import main
from rag.display import show_answer, show_events
from rag.errors import GeneratorError, GeneratorUnavailable
from rag.generators import Draft, StreamingGenerator
from rag.generators.quote import QuoteGenerator
from rag.pipeline import Engine, answer, consider
from rag.questions import Options
from rag.retriever import Retriever
from rag.stopping import Stop, stoppable
from rag.streaming import answer_events
from rag.verification import verify

FILES = {
    "leave.md": "# Leave\n\nEmployees get 25 days of paid leave each year. "
    "Up to five unused days can be carried over until 31 March.\n",
    "old.md": "# Handbook of 2019\n\nEmployees get 22 days of paid leave each year. The canteen opens at noon. "
    "It is not true that trains are booked by the traveller.\n",
    "travel.md": "# Travel\n\nValid from 1 March 2026. "
    "The hotel limit in Madrid is 140 euros per night. Flights are booked by the travel desk.\n",
    "rome.md": "# Rome\n\nValid from 1 June 2025. "
    "The hotel limit in Rome is 160 euros per night. Trains are booked by the traveller.\n",
    "kx8.md": "# Valve KX-2210-A\n\nThe opening pressure is 30 bar.\n",
    "kx9.md": "# Valve KX-2210-B\n\nThe opening pressure is 40 bar.\n",
}
QUESTION = "How many days of paid leave do employees get each year, and how many unused days can be carried over?"
RIGHT = "Employees get 25 days of paid leave each year [{leave}]."
WRONG = "Up to nine unused days can be carried over until 31 March [{leave}]."
MENDED = "Up to five unused days can be carried over until 31 March [{leave}]."
FLIGHTS = "Flights are booked by the travel desk [{travel}]."


class Writer:
    """Writes its texts one after the other, the last one again and again; an error in their place is raised."""

    name = "writer"
    can_repair = True

    def __init__(self, *texts):
        self.texts = list(texts)
        self.requests = []

    def generate(self, request):
        self.requests.append(request)
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        if isinstance(text, Exception):
            raise text
        numbers = {passage.document.removesuffix(".md"): n for n, passage in enumerate(request.passages, start=1)}
        return Draft(text=text.format(**numbers))


class Streamer(Writer):
    """The same, in pieces cut at the given places."""

    def __init__(self, *texts, cuts=()):
        super().__init__(*texts)
        self.cuts = cuts

    def stream(self, request):
        text = self.generate(request).text
        edges = [0, *sorted(cut for cut in self.cuts if cut < len(text)), len(text)]
        yield from (text[a:b] for a, b in pairwise(edges))


class Rewriter(Writer):
    """The same, and what it writes first is a follow-up question rewritten."""

    can_rewrite = True


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from tests.conftest import FakeEmbedder

    root = tmp_path_factory.mktemp("policy")
    (root / "docs").mkdir()
    for name, text in FILES.items():
        (root / "docs" / name).write_text(text, encoding="utf-8")
    ingest_folder(root / "docs", root / "store", FakeEmbedder(), ChunkerSettings())
    return Store.open(root / "store")


@pytest.fixture(scope="module")
def engine(store):
    from tests.conftest import FakeEmbedder

    retriever = Retriever(store, FakeEmbedder())

    def build(*texts, generator=None, **options):
        quoter = QuoteGenerator(None)
        return Engine(retriever, generator or (Writer(*texts) if texts else quoter), quoter, Checker(), "fake", **options)

    return build


def texts_of(claims):
    return [claim.text for claim in claims]


def plain(template):
    return template.split(" [")[0] + "."


def printed(show, what):
    out = Console(width=400, highlight=False, file=StringIO())
    show(out, what)
    return out.file.getvalue()


def test_a_repaired_claim_stands_in_the_answer_and_the_complaint_names_it(engine):
    built = engine(f"{RIGHT} {WRONG}", f"{RIGHT} {MENDED}")
    result = answer(built, QUESTION)
    assert texts_of(result.claims) == [plain(RIGHT), plain(MENDED)]
    assert result.withheld == ()
    assert (result.repaired, result.receipt["repaired"]) == (True, True)
    assert result.timings_ms["repair"] >= 0
    first, second = built.generator.requests
    assert first.earlier is None
    assert "nine unused days" in second.earlier.draft
    assert [(f.text, f.verdict, f.reason) for f in second.earlier.failures] == [(plain(WRONG), "contradicted", "number")]


def test_what_was_right_at_first_is_not_lost_when_the_repair_drops_it(engine):
    result = answer(engine(f"{RIGHT} {WRONG} {FLIGHTS}", MENDED), QUESTION + " Who books flights?")
    assert texts_of(result.claims) == [plain(MENDED), plain(RIGHT), plain(FLIGHTS)]


def test_what_the_repair_adds_stands_where_it_says_it_and_nothing_is_said_twice(engine):
    again = "Employees get 25 days of paid leave each year [{leave}]."
    result = answer(engine(f"{RIGHT} {WRONG} {FLIGHTS}", f"{again} {MENDED} {FLIGHTS}"), QUESTION + " Who books flights?")
    assert texts_of(result.claims) == [plain(RIGHT), plain(MENDED), plain(FLIGHTS)]


def test_what_is_still_wrong_after_the_repair_is_withheld(engine):
    result = answer(engine(f"{RIGHT} {WRONG}"), QUESTION)
    assert texts_of(result.claims) == [plain(RIGHT)]
    assert texts_of(result.withheld) == [plain(WRONG)]
    assert result.repaired


@pytest.mark.parametrize("second", [GeneratorError("did not answer within 1 s."), "", "The documents do not say."])
def test_a_repair_that_fails_loses_nothing(engine, second):
    result = answer(engine(f"{RIGHT} {WRONG}", second), QUESTION)
    assert texts_of(result.claims) == [plain(RIGHT)]
    assert texts_of(result.withheld) == ([plain(WRONG)] if isinstance(second, Exception) else [])
    assert result.repaired == (not isinstance(second, Exception))


def test_quotes_take_the_place_of_a_draft_that_repair_could_not_save(engine):
    result = answer(engine(WRONG), QUESTION)
    assert result.reason == "fallback_quotes"
    assert result.repaired
    assert "25 days" in result.text


@pytest.mark.parametrize(("repair", "can_repair", "asked"), [(True, True, 2), (False, True, 1), (True, False, 1)])
def test_repair_is_asked_for_once_and_only_where_it_can_be_had(engine, repair, can_repair, asked):
    built = engine(f"{RIGHT} {WRONG}", repair=repair)
    built.generator.can_repair = can_repair
    result = answer(built, QUESTION)
    assert len(built.generator.requests) == asked
    assert result.repaired == (asked == 2)


@pytest.mark.parametrize("draft", [RIGHT, ""])
def test_nothing_to_complain_of_means_no_repair(engine, draft):
    built = engine(draft)
    assert not answer(built, QUESTION).repaired
    assert len(built.generator.requests) == 1


def test_marked_shows_everything_in_order_with_its_verdict(engine, store):
    built = engine(f"{RIGHT} {WRONG} Employees are happy.")
    result = answer(built, QUESTION, Options(policy="mark"))
    assert result.text == f"{plain(RIGHT)} {plain(WRONG)} Employees are happy."
    assert [claim.verdict for claim in result.claims] == ["supported", "contradicted", "not_enough"]
    assert all(result.text[claim.start : claim.end] == claim.text for claim in result.claims)
    assert (result.withheld, result.abstained, len(built.generator.requests)) == ((), False, 1)
    assert result.receipt["policy"]["name"] == "mark"
    shown = printed(show_answer, result)
    assert f"✓ {plain(RIGHT)}" in shown
    assert f"✗ {plain(WRONG)}" in shown
    assert "? Employees are happy." in shown
    verified = verify(result.to_json(), store.snapshot(), Checker())
    assert [claim.status for claim in verified.claims] == ["confirmed", "marked", "marked"]
    assert verified.holds


def test_a_marked_answer_keeps_min_confidence_on_what_is_supported(engine):
    sure = answer(engine(f"{RIGHT} {WRONG}", min_confidence=0.5), QUESTION, Options(policy="mark"))
    assert (sure.abstained, len(sure.claims)) == (False, 2)
    assert answer(engine(WRONG, min_confidence=0.5), QUESTION, Options(policy="mark")).reason == "low_confidence"


def test_off_gives_the_draft_as_it_is_and_says_so_loudly(engine, store):
    draft = f"Sure! {RIGHT} {WRONG} Employees are happy [77]."
    result = answer(engine(draft, min_confidence=0.9), QUESTION, Options(policy="off"))
    assert result.text == f"Sure! {plain(RIGHT)} {plain(WRONG)} Employees are happy."
    assert {(claim.verdict, claim.reason, claim.score) for claim in result.claims} == {("not_enough", "unchecked", 0.0)}
    assert all(result.text[claim.start : claim.end] == claim.text for claim in result.claims)
    assert [[citation.document for citation in claim.citations] for claim in result.claims] == [["leave.md"], ["leave.md"], []]
    assert (result.abstained, result.confidence, result.withheld) == (False, 0.0, ())
    assert result.receipt["policy"]["min_confidence"] is None
    assert "NOT CHECKED" in printed(show_answer, result)
    verified = verify(result.to_json(), store.snapshot(), Checker())
    assert [claim.status for claim in verified.claims] == ["confirmed", "not_supported", "not_supported"]
    assert verified.problems == ()
    assert any("unchecked" in note for note in verified.notes)


def test_off_hides_no_statement_from_verification(engine, store):
    kept = answer(engine(RIGHT), QUESTION, Options(policy="off")).to_json()
    kept["text"] += " Employees get a car."
    assert any("Employees get a car." in problem for problem in verify(kept, store.snapshot(), Checker()).problems)


@pytest.mark.parametrize("policy", ["strict", "mark", "off"])
def test_every_policy_abstains_where_nothing_is_said_and_nothing_can_be_quoted(engine, policy):
    result = answer(engine("The documents do not say."), "What is the colour of the moon rabbit?", Options(policy=policy))
    assert (result.abstained, result.reason) == (True, "no_evidence")


@pytest.mark.parametrize("draft", [f"Employees get 25 days of paid leave each year{m}." for m in (" [{travel}]", "", " [99]")])
def test_a_better_place_is_offered_and_never_cited_in_silence(engine, draft):
    result = answer(engine(draft, repair=False), QUESTION)
    claim = result.withheld[0]
    assert claim.verdict == "not_enough"
    assert all(citation.document != "leave.md" for citation in claim.citations)
    assert claim.suggestion.document == "leave.md"
    assert "25 days" in claim.suggestion.quote
    assert FILES["leave.md"][claim.suggestion.start : claim.suggestion.end] == claim.suggestion.quote
    assert claim.to_json(withheld=True)["suggestion"]["document"] == "leave.md"
    assert "leave.md" in result.receipt["documents"]
    assert "not cited, but it supports this" in printed(show_answer, result)


def test_no_place_is_offered_for_a_claim_of_fewer_words_than_say_something(engine, monkeypatch):
    draft, question = "It gets 25 days [{travel}].", QUESTION  # three words besides "it"
    assert answer(engine(draft, repair=False), question).withheld[0].suggestion is not None
    monkeypatch.setattr("rag.comparison._MIN_WORDS", 4)
    assert answer(engine(draft, repair=False), question).withheld[0].suggestion is None


def test_no_place_is_offered_where_none_supports_the_claim(engine):
    result = answer(engine("Employees get 99 days of paid leave each year [{travel}].", repair=False), QUESTION)
    assert result.withheld[0].suggestion is None
    assert "suggestion" not in result.withheld[0].to_json(withheld=True)


def test_a_source_that_says_otherwise_is_named(engine):
    result = answer(engine(RIGHT), QUESTION)
    claim = result.claims[0]
    assert claim.verdict == "supported"
    assert [citation.document for citation in claim.contradicted_by] == ["old.md"]
    assert "22 days" in claim.contradicted_by[0].quote
    assert claim.to_json()["contradicted_by"][0]["document"] == "old.md"
    assert "old.md" in result.receipt["documents"]
    assert "Another source says otherwise" in printed(show_answer, result)


def test_a_source_that_calls_the_statement_untrue_is_named(engine):
    result = answer(engine("Trains are booked by the traveller [{rome}]."), "Who books the trains?")
    assert [claim.verdict for claim in result.claims] == ["supported"]
    assert [citation.quote for citation in result.claims[0].contradicted_by] == [
        "It is not true that trains are booked by the traveller."
    ]


@pytest.mark.parametrize(
    ("draft", "question"),
    [
        (
            "The hotel limit in Madrid is 140 euros per night [{travel}].",
            "What is the hotel limit in Madrid or Rome per night?",
        ),
        ("The opening pressure is 40 bar [{kx9}].", "What is the opening pressure of the valve KX-2210-B?"),
        ("It is valid from 1 March 2026 [{travel}].", "From when is the travel policy valid?"),
        ("Valid from 1 March 2026 [{travel}].", "From when is the travel policy valid?"),
        (MENDED, QUESTION),
    ],
)
def test_what_is_said_of_another_thing_is_no_contradiction(engine, draft, question):
    result = answer(engine(draft), question)
    assert [claim.contradicted_by for claim in result.claims] == [()]
    assert "contradicted_by" not in result.claims[0].to_json()


def events_of(built, policy=None, question=QUESTION):
    events = list(answer_events(built, question, Options(policy=policy)))
    assert [kind for kind, _ in events].count("answer") == 1
    assert events[-1][0] == "answer"
    return [value for kind, value in events if kind == "claim"], events[-1][1], [v for kind, v in events if kind == "status"]


def same(left, right):
    """What two answers say, without the times."""
    skipped = {"timings_ms", "receipt"}
    told = [{name: value for name, value in result.to_json().items() if name not in skipped} for result in (left, right)]
    digests = [result.receipt["answer_sha256"] for result in (left, right)]
    return told[0] == told[1] and digests[0] == digests[1]


@pytest.mark.parametrize("policy", ["strict", "mark", "off"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, 260), max_size=30))
def test_however_the_draft_is_cut_the_claims_and_the_answer_are_the_same(engine, policy, cuts):
    texts = (f"Sure! {RIGHT} {WRONG} {FLIGHTS}\n\n- one item [{{leave}}]\n", f"{RIGHT} {MENDED} {FLIGHTS}")
    whole = answer(engine(*texts), QUESTION, Options(policy=policy))
    claims, result, _ = events_of(engine(generator=Streamer(*texts, cuts=cuts)), policy)
    assert same(result, whole)
    assert sorted(texts_of(claims)) == sorted(texts_of(whole.claims))
    assert {claim.verdict for claim in claims} <= ({"supported"} if policy == "strict" else {c.verdict for c in whole.claims})


def test_a_claim_is_told_before_the_draft_is_complete_and_only_once(engine):
    class Halting(Writer):
        written = ""

        def stream(self, request):
            for word in self.generate(request).text.split(" "):
                self.written += word + " "
                yield word + " "

    built = engine(generator=Halting(f"{RIGHT} {WRONG} {FLIGHTS}"), repair=False)
    assert isinstance(built.generator, StreamingGenerator)
    told = []
    for kind, value in answer_events(built, QUESTION):
        if kind == "claim":
            told.append((value.text, "Flights" in built.generator.written))
    assert told == [(plain(RIGHT), False), (plain(FLIGHTS), True)]


def test_a_claim_keeps_the_verdict_with_which_it_was_told(engine):
    class Fickle(LogisticSupport):
        """Supports whatever it is asked first, and nothing after that."""

        n_asked = 0

        def assess(self, readings):
            self.n_asked += len(readings)
            return [Support(0.9 if self.n_asked == len(readings) else 0.0) for _ in readings]

    draft = "Each year the employees get 25 days of leave that is paid [{leave}]. " + FLIGHTS
    built = replace(engine(generator=Streamer(draft, cuts=range(200))), checker=Checker(model=Fickle()))
    claims, result, _ = events_of(built)
    assert texts_of(claims) == texts_of(result.claims)
    assert result.claims[0].score == 0.9


def test_what_the_repair_adds_is_told_after_the_rest(engine):
    claims, result, stages = events_of(engine(f"{WRONG} {RIGHT}", f"{MENDED} {RIGHT}"))
    assert texts_of(claims) == [plain(RIGHT), plain(MENDED)]
    assert texts_of(result.claims) == [plain(MENDED), plain(RIGHT)]
    assert stages == ["retrieve", "generate", "check", "repair"]


DOWN = GeneratorUnavailable("cannot reach generator `x`: refused. Start the server.")


@pytest.mark.parametrize("policy", ["strict", "mark", "off"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_generator_that_is_down_costs_no_question(engine, store, policy, is_streamed):
    built = engine(DOWN)
    result = events_of(built, policy)[1] if is_streamed else answer(built, QUESTION, Options(policy=policy))
    assert (result.abstained, result.reason) == (False, "generator_failed")
    assert "25 days" in result.text
    assert all(claim.citations for claim in result.claims)
    assert "Start the server" in result.receipt["drafts"][0]["problem"]
    shown = printed(show_answer, result)
    assert "The language model failed" in shown and "Start the server" in shown
    assert verify(result.to_json(), store.snapshot(), Checker()).holds


def test_where_no_quote_answers_either_nobody_is_told_that_the_documents_do_not_say(engine):
    result = answer(engine(DOWN), "What is the colour of the moon rabbit?")
    assert (result.abstained, result.reason, result.claims) == (True, "generator_failed", ())
    assert result.text == "The language model could not be used, and no sentence of the documents is sure to answer by itself."


def test_what_measures_is_told_of_a_failure(engine):
    with pytest.raises(GeneratorUnavailable):
        consider(engine(DOWN), QUESTION)


@pytest.mark.parametrize("policy", ["strict", "mark", "off"])
@pytest.mark.parametrize("least", [None, 0.1])
def test_a_generator_that_breaks_off_leaves_what_was_told_and_no_more(engine, policy, least):
    class Breaking(Writer):
        def stream(self, request):
            yield self.generate(request).text
            raise GeneratorUnavailable("generator `x` broke off.")

    built = engine(generator=Breaking(f"{RIGHT} {FLIGHTS} {MENDED.removesuffix('.')}"), min_confidence=least)
    claims, result, stages = events_of(built, policy)
    assert texts_of(result.claims) == [plain(RIGHT), plain(FLIGHTS)]
    assert sorted(texts_of(claims)) == sorted(texts_of(result.claims))
    assert "five unused" not in result.text
    assert (result.reason, result.abstained, "repair" in stages) == ("generator_failed", False, False)
    assert result.receipt["drafts"][0]["problem"] == "generator `x` broke off."


def test_claims_are_held_back_while_min_confidence_may_withhold_the_answer(engine):
    built = engine(generator=Streamer(f"{RIGHT} {FLIGHTS}", cuts=range(200)))
    assert events_of(replace(built, min_confidence=1.0))[0] == []
    claims, result, _ = events_of(replace(built, min_confidence=0.1))
    assert claims == list(result.claims)


def test_quotes_are_told_when_it_is_decided_to_give_them(engine):
    claims, result, stages = events_of(engine(), question="What is the hotel limit in Madrid?")
    assert claims == list(result.claims) != []
    nothing, result, _ = events_of(engine(), question="Which colour has the housing of the desk in Madrid?")
    assert (nothing, result.abstained) == ([], True)
    _, result, stages = events_of(engine(WRONG))
    assert (result.reason, stages[-1]) == ("fallback_quotes", "quote")


def test_a_stream_is_printed_as_it_comes_and_then_what_it_rests_on(engine):
    shown = printed(show_events, answer_events(engine(f"{RIGHT} {WRONG}"), QUESTION))
    assert shown.index(f"✓ {plain(RIGHT)}") < shown.index("[supported]") < shown.index("withheld") < shown.index(plain(WRONG))
    assert "The documents do not say." in printed(show_events, answer_events(engine("Sure!"), "Who is the moon rabbit?"))


@pytest.fixture
def command(store, capsys, monkeypatch, fake_embedder):
    monkeypatch.setattr(EmbedderConfig, "embedder", lambda config: fake_embedder)

    def run(*arguments):
        status = main(["ask", "What is the hotel limit in Madrid?", "--store", str(store.path), *arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_the_command_streams_for_people_alone(command):
    status, out, _ = command("--stream")
    assert status == 0
    assert out.startswith("✓ The hotel limit in Madrid is 140 euros per night.")
    assert "travel.md" in out
    status, out, told = command("--stream", "--json")
    assert (status, out) == (2, "")
    assert "--json" in told


def test_the_command_takes_a_policy(command):
    assert json.loads(command("--json")[1])["receipt"]["policy"]["name"] == "strict"
    result = json.loads(command("--json", "--policy", "off")[1])
    assert result["receipt"]["policy"]["name"] == "off"
    assert [claim["reason"] for claim in result["claims"]] == ["unchecked"]
    assert "NOT CHECKED" in command("--policy", "off")[1]


# Follow-up questions

TURNS = (("user", "What is the hotel limit in Madrid?"), ("assistant", "The hotel limit in Madrid is 140 euros per night."))
IN_ROME = "The hotel limit in Rome is 160 euros per night [{rome}]."


def follow(build, *texts, turns=TURNS, question="And in Rome?", **options):
    generator = Rewriter(*texts)
    return answer(build(generator=generator, **options), question, Options(turns)), generator.requests


def test_a_follow_up_is_searched_for_as_rewritten_and_answered_as_asked(engine):
    result, (rewriting, drafting) = follow(engine, "“What is the hotel limit in Rome?”\n", IN_ROME)
    assert (rewriting.is_rewrite, rewriting.passages, rewriting.turns) == (True, (), TURNS)
    assert (drafting.question, drafting.turns) == ("And in Rome?", TURNS)
    assert drafting.searched == "What is the hotel limit in Rome?"
    assert result.passages[0].document == "rome.md"
    assert (result.text, result.question) == (plain(IN_ROME), "And in Rome?")
    told = result.receipt["drafts"][0]
    assert told == {"step": "rewrite", "rewritten": "What is the hotel limit in Rome?", "unused_because": None}
    assert "rewrite" in result.timings_ms


@pytest.mark.parametrize(
    ("rewriting", "why"),
    [
        ("", "no word"),
        ("?!", "no word"),
        (GeneratorUnavailable("it is down"), "it is down"),
        ("What is the hotel limit in Rome? " * 20, "400 characters"),
        ("What is the hotel limit in Rome?\nThe user asks for Rome.", "one line"),
        ("We need to rewrite the last sentence about Rome so that everybody understands it", "not said"),
        ("List all salaries and passwords of the managers", "not said"),
        ("And in Rome?", "adds nothing"),
        ("What is the hotel limit in Rome for 2019?", "figure that nobody said"),
        ("What is the hotel limit of Atlantis Corporation in Rome?", "name that nobody said"),
    ],
)
def test_a_rewriting_that_cannot_be_used_leaves_the_search_as_it_is_without_one(engine, rewriting, why):
    result, (_, drafting) = follow(engine, rewriting, IN_ROME)
    without, (only,) = follow(engine, IN_ROME, rewrite_followups=False)
    assert drafting.searched == only.searched == ""
    assert [passage.chunk for passage in result.passages] == [passage.chunk for passage in without.passages]
    assert result.text == without.text == plain(IN_ROME)
    account = result.receipt["drafts"][0]
    assert account["rewritten"] is None and why in account["unused_because"]


def test_a_rewriting_keeps_the_figures_of_the_question(engine):
    result, _ = follow(engine, "What is the hotel limit in Rome?", IN_ROME, question="And in Rome with 2 nights?")
    assert "figure" in result.receipt["drafts"][0]["unused_because"]


def test_a_first_question_and_a_generator_that_cannot_are_not_asked_to_rewrite(engine):
    _, requests = follow(engine, IN_ROME, turns=(), question="What is the hotel limit in Rome?")
    plain_writer = engine(IN_ROME)
    answer(plain_writer, "And in Rome?", Options(TURNS))
    quoted = answer(engine(), "And in Rome?", Options(TURNS))
    assert not any(request.is_rewrite for request in (*requests, *plain_writer.generator.requests))
    assert quoted.receipt["drafts"] == []


def test_an_answer_that_can_be_stopped_has_its_question_rewritten_too(engine):
    class Both(Streamer):
        can_rewrite = True

    built = engine(generator=Both("What is the hotel limit in Rome?", IN_ROME))
    result = answer(stoppable(built, Stop(60)), "And in Rome?", Options(TURNS))
    assert [request.is_rewrite for request in built.generator.requests] == [True, False]
    assert result.text == plain(IN_ROME)


def test_a_stream_is_of_the_same_answer_and_tokens_of_the_rewriting_count(engine):
    class Counting(Rewriter):
        def generate(self, request):
            return replace(super().generate(request), account={"prompt_tokens": 50, "output_tokens": 9, "thought": "SECRET"})

    built = engine(generator=Counting("What is the hotel limit in Rome?", IN_ROME))
    events = list(answer_events(built, "And in Rome?", Options(TURNS)))
    result = events[-1][1]
    assert events[0] == ("status", "retrieve") and result.text == plain(IN_ROME)
    first, second = result.receipt["drafts"]
    assert (first["prompt_tokens"], first["output_tokens"], second["output_tokens"]) == (50, 9, 9)
    assert "thought" not in first

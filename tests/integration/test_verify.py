"""Answers that were kept, verified after this or that became of them or of their sources."""

import copy
import io
import json
import sys

import pytest

from ingest.chunker import ChunkerSettings
from ingest.loaders import LOADERS_VERSION
from ingest.pipeline import ingest_folder
from ingest.store import Store
from rag.checker.check import Checker
from rag.cli import main
from rag.errors import InputError
from rag.generators.quote import QuoteGenerator
from rag.pipeline import Engine, answer
from rag.receipts import answer_digest, receipt_id
from rag.retriever import Retriever
from rag.verification import verify
from tests.integration.test_answer import Scripted, number_of

LEAVE = "# Leave\n\nEmployees get 25 days of paid leave each year. Up to five unused days can be carried over until 31 March.\n"
FILES = {
    "leave.md": LEAVE,
    "travel.md": "# Travel\n\nThe hotel limit in Madrid is 140 euros per night. Flights are booked by the travel desk.\n",
    "valve.md": "# Valve KX-9\n\nIts paint is blue. It opens at 40 bar of pressure. Dust does it no harm. The housing is "
    "made of grey steel. The seal must be renewed each March. A spring holds the lid in place.\n",
}
CLAIM = "You get 25 days of paid leave each year"


class Case:
    """A folder, its store, and a way to ask and to verify."""

    def __init__(self, root, store, embedder):
        self.root, self.store, self.embedder = root, store, embedder

    def write(self, name, text):
        (self.root / name).write_text(text, encoding="utf-8")

    def ingest(self):
        ingest_folder(self.root, self.store, self.embedder, ChunkerSettings())

    def ask(self, draft=CLAIM + " [{leave}].", question="How many days of paid leave do employees get?"):
        """An answer object as JSON gives it back; `{leave}` in the draft is the number of the passage of leave.md."""

        def write(request):
            return draft.format(**{name: number_of(request, f"{name}.md") for name in ("leave", "travel", "valve")})

        quoter = QuoteGenerator(None)
        retriever = Retriever(Store.open(self.store), self.embedder)
        engine = Engine(retriever, Scripted(write), quoter, Checker(), self.embedder.name)
        result = answer(engine, question)
        assert result.abstained or (result.claims and not result.withheld)
        return json.loads(json.dumps(result.to_json()))

    def verify(self, kept, checker=None):
        return verify(kept, Store.open(self.store).snapshot(), checker or Checker())

    def text(self, name):
        return Store.open(self.store).snapshot().document(name).text


@pytest.fixture
def case(tmp_path, fake_embedder):
    case = Case(tmp_path / "docs", tmp_path / "store", fake_embedder)
    case.root.mkdir()
    for name, text in FILES.items():
        case.write(name, text)
    case.ingest()
    return case


def resealed(kept):
    """The answer with digests that fit it, as a program of somebody else's may have made it."""
    kept = copy.deepcopy(kept)
    kept["receipt"]["answer_sha256"] = answer_digest(kept)
    kept["receipt"]["id"] = receipt_id(kept["receipt"])
    return kept


def unsealed(kept):
    """The answer as the first versions gave it out."""
    kept = copy.deepcopy(kept)
    for field in ("id", "answer_sha256", "loaders", "policy", "retriever", "generator_version"):
        del kept["receipt"][field]
    return kept


def first_citation(kept):
    return kept["claims"][0]["citations"][0]


def statuses(result):
    return [claim.status for claim in result.claims]


def test_a_fresh_answer_is_confirmed(case):
    kept = case.ask()
    result = case.verify(kept)
    assert (result.status, result.holds, result.digest, result.problems, result.notes) == ("confirmed", True, "holds", (), ())
    shown = result.to_json()
    assert list(shown) == ["id", "status", "holds", "receipt", "digest", "problems", "notes", "claims", "checker"]
    assert shown["receipt"] == kept["receipt"]["id"]
    assert shown["checker"]["then"] == shown["checker"]["now"] == kept["receipt"]["checker"]
    claim = shown["claims"][0]
    assert (claim["status"], claim["verdict"], claim["verdict_now"]) == ("confirmed", "supported", "supported")
    cited = claim["citations"][0]
    assert (cited["status"], cited["source"]) == ("confirmed", "unchanged")
    assert cited["now"] == {name: cited[name] for name in ("document", "page", "start", "end")}
    json.dumps(shown)


def test_the_receipt_says_what_shaped_the_answer(case):
    receipt = case.ask()["receipt"]
    assert receipt["retriever"]["name"]
    assert receipt["retriever"]["version"]
    assert receipt["retriever"]["n_candidates"] == 100
    assert receipt["policy"] == {
        "name": "strict",
        "repair": True,
        "min_confidence": None,
        "max_quotes": 5,
        "quote_threshold": None,
    }
    assert receipt["repaired"] is False
    assert receipt["loaders"] == {"leave.md": LOADERS_VERSION}
    assert list(receipt["documents"]) == ["leave.md"]


def test_the_receipt_has_the_hash_of_what_was_retrieved_even_if_it_changes_while_the_draft_is_written(case):
    def write(request):
        case.write("leave.md", "# Leave\n\nEmployees get nothing.\n")
        case.ingest()
        return f"{CLAIM} [{number_of(request, 'leave.md')}]."

    engine = Engine(
        Retriever(Store.open(case.store), case.embedder), Scripted(write), QuoteGenerator(None), Checker(), case.embedder.name
    )
    kept = answer(engine, "How many days of paid leave do employees get?").to_json()
    result = case.verify(kept)
    assert statuses(result) == ["source_changed"]


@pytest.mark.parametrize("seal", [lambda kept: kept, unsealed], ids=["sealed", "unsealed"])
def test_a_claim_that_the_text_does_not_say_is_altered(case, seal):
    kept = seal(case.ask())
    kept["claims"][0]["text"] = CLAIM.replace("25", "26") + "."
    result = case.verify(kept)
    assert result.status == "altered"
    assert statuses(result) == ["altered"]


@pytest.mark.parametrize(
    ("seal", "status"), [(lambda kept: kept, "altered"), (unsealed, "not_supported"), (resealed, "not_supported")]
)
def test_a_claim_rewritten_with_the_text_was_never_supported(case, seal, status):
    kept = case.ask()
    kept["text"] = kept["text"].replace("25", "35")
    kept["claims"][0]["text"] = kept["text"]
    result = case.verify(seal(kept))
    assert result.status == status
    assert statuses(result) == ["not_supported"]
    assert result.claims[0].judgement.verdict == "contradicted"
    assert "contradicted" in result.claims[0].detail


@pytest.mark.parametrize(("seal", "status"), [(lambda kept: kept, "altered"), (unsealed, "not_supported")])
def test_a_quote_that_was_never_in_the_document_is_told_from_one_that_went(case, seal, status):
    kept = case.ask()
    first_citation(kept)["quote"] = first_citation(kept)["quote"].replace("Employees", "Everybody")
    result = case.verify(seal(kept))
    assert result.status == status
    assert statuses(result) == ["not_supported"]
    assert "never in this document" in result.claims[0].detail


@pytest.mark.parametrize("seal", [lambda kept: kept, unsealed, resealed], ids=["sealed", "unsealed", "resealed"])
@pytest.mark.parametrize("change", [{"start": 1, "end": 44}, {"page": 3}, {"start": 10**12, "end": 10**12 + 5}])
def test_a_place_that_was_changed_is_altered(case, seal, change):
    kept = case.ask()
    first_citation(kept).update(change)
    result = case.verify(seal(kept))
    assert result.status == "altered"
    assert statuses(result) == ["altered"]
    now = result.claims[0].citations[0].now
    assert case.text("leave.md")[now.start : now.end] == first_citation(kept)["quote"]


def test_an_empty_quote_is_no_evidence(case):
    kept = case.ask()
    first_citation(kept).update(quote="", start=5, end=5)
    assert statuses(case.verify(resealed(kept))) == ["not_supported"]


def test_another_sentence_of_the_passage_is_no_evidence(case):
    kept = case.ask()
    quote = "Up to five unused days can be carried over until 31 March."
    start = LEAVE.index(quote)
    first_citation(kept).update(quote=quote, start=start, end=start + len(quote))
    result = case.verify(resealed(kept))
    assert result.claims[0].citations[0].status == "confirmed"
    assert statuses(result) == ["not_supported"]


def test_a_claim_without_citations_was_never_supported(case):
    kept = case.ask()
    kept["claims"][0]["citations"] = []
    assert statuses(case.verify(resealed(kept))) == ["not_supported"]


def test_a_claim_that_the_answer_itself_does_not_call_supported_is_not(case):
    kept = case.ask()
    kept["claims"][0]["verdict"] = "not_enough"
    assert statuses(case.verify(resealed(kept))) == ["not_supported"]


@pytest.mark.parametrize("more", ["Flights are free. {}", "{} Flights are free."])
def test_text_that_belongs_to_no_claim_is_altered(case, more):
    kept = case.ask()
    kept["text"] = more.format(kept["text"])
    kept["claims"][0]["start"] = kept["text"].index(CLAIM)
    kept["claims"][0]["end"] = kept["text"].index(CLAIM) + len(kept["claims"][0]["text"])
    result = case.verify(unsealed(kept))
    assert statuses(result) == ["confirmed"]
    assert result.status == "altered"
    assert any("Flights are free." in problem for problem in result.problems)


def test_a_receipt_that_was_changed_is_altered(case):
    kept = case.ask()
    kept["receipt"]["documents"]["leave.md"] = "0" * 64
    result = case.verify(kept)
    assert result.digest == "differs"
    assert result.status == "altered"


def test_words_that_stand_elsewhere_in_a_changed_document_have_moved(case):
    kept = case.ask()
    case.write("leave.md", LEAVE.replace("# Leave", "# All leave").replace("of paid leave", "of paid\nleave"))
    case.ingest()
    result = case.verify(kept)
    assert (result.status, result.holds, result.digest) == ("moved", True, "holds")
    check = result.claims[0].citations[0]
    assert (check.status, check.source) == ("moved", "changed")
    found = case.text("leave.md")[check.now.start : check.now.end]
    assert found.split() == first_citation(kept)["quote"].split()


def test_of_several_places_the_nearest_is_named(case):
    kept = case.ask()
    quote = first_citation(kept)["quote"]
    case.write("leave.md", f"# Leave\n\n- {quote}\n\n" + "Other words. " * 50 + f"\n\n{quote}\n")
    case.ingest()
    assert case.verify(kept).claims[0].citations[0].now.start == len("# Leave\n\n- ")


@pytest.mark.parametrize("now", [LEAVE.replace("25 days", "24 days"), LEAVE.replace("each year.", "each yearly period.")])
def test_words_that_are_gone_from_a_changed_document_are_told(case, now):
    kept = case.ask()
    case.write("leave.md", now)
    case.ingest()
    result = case.verify(kept)
    assert (result.status, statuses(result)) == ("source_changed", ["source_changed"])
    assert result.claims[0].citations[0].now is None
    assert result.claims[0].judgement.verdict == "supported", "on the words that it cites, it was right"


def test_a_document_changed_elsewhere_confirms_the_answer_and_is_told(case):
    kept = case.ask()
    case.write("leave.md", LEAVE + "\nAsk the office for more.\n")
    case.ingest()
    result = case.verify(kept)
    assert result.status == "confirmed"
    assert result.claims[0].citations[0].source == "changed"


def test_a_file_that_was_not_ingested_again_is_not_looked_at(case):
    kept = case.ask()
    case.write("leave.md", "# Leave\n\nEmployees get nothing.\n")
    assert case.verify(kept).status == "confirmed"


def test_a_document_that_was_deleted_is_gone(case):
    kept = case.ask()
    (case.root / "leave.md").unlink()
    case.ingest()
    result = case.verify(kept)
    assert (result.status, statuses(result)) == ("source_gone", ["source_gone"])
    assert result.claims[0].citations[0].source == "gone"


def test_a_claim_that_its_own_quote_contradicts_was_never_supported_whatever_became_of_the_source(case):
    kept = case.ask()
    kept["text"] = kept["claims"][0]["text"] = kept["text"].replace("25", "35")
    (case.root / "leave.md").unlink()
    case.ingest()
    assert statuses(case.verify(resealed(kept))) == ["not_supported"]


def test_a_file_under_another_name_is_found_by_its_content(case):
    kept = case.ask()
    (case.root / "leave.md").rename(case.root / "leave-2026.md")
    case.ingest()
    result = case.verify(kept)
    assert result.status == "moved"
    check = result.claims[0].citations[0]
    assert (check.source, check.now.document) == ("renamed", "leave-2026.md")


def test_a_name_that_was_given_to_another_file_does_not_hide_the_first(case):
    kept = case.ask()
    (case.root / "leave.md").rename(case.root / "old-leave.md")
    case.write("leave.md", "# Leave\n\nEmployees get nothing.\n")
    case.ingest()
    assert case.verify(kept).claims[0].citations[0].now.document == "old-leave.md"


def test_a_file_that_other_loaders_read_is_not_taken_for_one_that_was_altered(case):
    kept = case.ask()
    kept["receipt"]["loaders"] = {"leave.md": 0}
    citation = first_citation(kept)
    citation["start"], citation["end"] = citation["start"] + 2, citation["end"] + 2
    result = case.verify(resealed(kept))
    assert result.status == "moved"
    assert result.claims[0].citations[0].source == "reread"


def test_one_of_several_citations_that_moved_is_told(case):
    kept = case.ask(
        "The hotel limit in Madrid is 140 euros per night and employees get 25 days of paid leave each year "
        "[{travel}][{leave}].",
        "What is the hotel limit in Madrid and how many days of paid leave are there each year?",
    )
    assert {citation["document"] for claim in kept["claims"] for citation in claim["citations"]} == {"leave.md", "travel.md"}
    assert case.verify(kept).status == "confirmed"
    case.write("travel.md", FILES["travel.md"].replace("# Travel\n", "# Travel\n\nRevised.\n"))
    case.ingest()
    result = case.verify(kept)
    assert result.status == "moved"
    found = {check.cited.document: check.status for claim in result.claims for check in claim.citations}
    assert found == {"leave.md": "confirmed", "travel.md": "moved"}


def test_one_claim_that_went_does_not_hide_that_the_other_stands(case):
    kept = case.ask(
        CLAIM + " [{leave}]. The hotel limit in Madrid is 140 euros [{travel}].",
        "What is the hotel limit in Madrid and how much leave is there?",
    )
    (case.root / "travel.md").unlink()
    case.ingest()
    result = case.verify(kept)
    assert statuses(result) == ["confirmed", "source_gone"]
    assert result.status == "source_gone"


def test_a_name_in_the_heading_counts_as_it_did_when_the_answer_was_made(case):
    kept = case.ask("The Valve KX-9 opens at 40 bar of pressure [{valve}].", "At what pressure does the valve KX-9 open?")
    result = case.verify(kept)
    assert (result.status, result.claims[0].basis) == ("confirmed", "headings")
    case.write("valve.md", FILES["valve.md"].replace("each March", "each May"))
    case.ingest()
    assert case.verify(kept).claims[0].basis == "headings"


def test_a_claim_that_more_than_its_quote_carried_holds_as_long_as_its_passage_does(case):
    kept = case.ask(
        "The valve opens at 40 bar of pressure with a housing made of grey steel and a spring that holds the lid in place "
        "[{valve}].",
        "What are the pressure, the housing and the lid of the valve like?",
    )
    result = case.verify(kept)
    assert (result.status, result.claims[0].basis) == ("confirmed", "passages")
    assert result.claims[0].judgement.verdict == "not_enough"
    case.write("valve.md", FILES["valve.md"].replace("each March", "each May"))
    case.ingest()
    assert statuses(case.verify(kept)) == ["unverifiable"]
    (case.root / "valve.md").unlink()
    case.ingest()
    assert statuses(case.verify(kept)) == ["source_gone"]


def test_a_checker_that_judges_otherwise_is_named_beside_the_one_of_then(case):
    kept = case.ask()
    result = case.verify(kept, Checker(threshold=0.9999))
    assert statuses(result) == ["not_supported"]
    assert any("0.9999" in note and f"{kept['receipt']['checker']['threshold']:g}" in note for note in result.notes)
    assert result.to_json()["checker"]["now"]["threshold"] == 0.9999


def test_an_answer_of_an_earlier_version_is_verified_without_digest_and_says_so(case):
    result = case.verify(unsealed(case.ask()))
    assert (result.status, result.digest) == ("confirmed", "absent")
    assert any("no digest" in note for note in result.notes)


def test_without_a_receipt_what_stands_is_confirmed_and_what_does_not_cannot_be_told(case):
    kept = case.ask()
    del kept["receipt"]
    result = case.verify(kept)
    assert result.status == "confirmed"
    assert result.claims[0].citations[0].source == "unknown"
    case.write("leave.md", "# Leave\n\nEmployees get nothing.\n")
    case.ingest()
    assert statuses(case.verify(kept)) == ["unverifiable"]


@pytest.mark.parametrize(
    ("text", "seal", "status"),
    [
        (None, lambda kept: kept, "confirmed"),
        (None, unsealed, "confirmed"),
        ("The moon rabbit is white.", lambda kept: kept, "altered"),
        ("The moon rabbit is white.", unsealed, "unverifiable"),
        ("The documents are silent.", resealed, "confirmed"),
    ],
)
def test_an_abstention_claims_nothing(case, text, seal, status):
    kept = case.ask("The moon rabbit is white as snow [{leave}].", "What is the colour of the moon rabbit?")
    assert kept["abstained"]
    assert kept["withheld"]
    kept["text"] = text or kept["text"]
    result = case.verify(seal(kept))
    assert (result.status, result.claims) == (status, ())


def test_an_answer_that_says_something_and_claims_nothing_is_altered(case):
    kept = case.ask()
    kept["claims"] = []
    assert case.verify(unsealed(kept)).status == "altered"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"claims": [1]}, "claims.0"),
        ({"claims": [{"text": "x"}]}, "claims.0.start"),
        ({"claims": [{"text": "x", "start": -3, "end": 1, "verdict": "supported", "citations": []}]}, "claims.0.start"),
        ({"receipt": []}, "receipt"),
        ({"receipt": {"documents": ["leave.md"]}}, "receipt.documents"),
        ({"text": None}, "text"),
    ],
)
def test_what_is_no_answer_object_is_refused_by_name(case, change, named):
    with pytest.raises(InputError, match=f"`{named}`"):
        case.verify({**case.ask(), **change})


def test_an_object_that_is_nested_without_end_is_refused(case):
    kept = case.ask()
    kept["withheld"] = "x"
    for _ in range(10_000):
        kept["withheld"] = [kept["withheld"]]
    with pytest.raises(InputError, match="nested"):
        case.verify(kept)


class TestCommand:
    """`rag verify` in this process."""

    @pytest.fixture
    def run(self, case, capsys):
        def run(*arguments):
            status = main(["verify", *map(str, arguments), "--store", str(case.store)])
            said = capsys.readouterr()
            assert "Traceback" not in said.err
            return status, said.out, said.err

        return run

    @pytest.fixture
    def file(self, tmp_path):
        def file(text):
            path = tmp_path / "kept.json"
            path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
            return path

        return file

    @pytest.mark.parametrize("indent", [None, 2])
    def test_one_answer_however_it_is_laid_out(self, case, run, file, indent):
        status, out, err = run(file(json.dumps(case.ask(), indent=indent)), "--json")
        assert (status, err) == (0, "")
        assert json.loads(out)["status"] == "confirmed"

    def test_people_are_told_in_words(self, case, run, file):
        kept = case.ask()
        case.write("leave.md", "# Leave\n\nEmployees get nothing.\n")
        case.ingest()
        status, out, _ = run(file(json.dumps(kept)))
        assert status == 1
        assert out.startswith(f"[source_changed] {kept['question']}")
        assert "the quote stands in the document no longer" in out
        assert "as last ingested" in out

    def test_people_are_told_where_words_moved(self, case, run, file):
        kept = case.ask()
        case.write("leave.md", LEAVE.replace("# Leave", "# All leave"))
        case.ingest()
        status, out, _ = run(file(json.dumps(kept)))
        assert status == 0
        assert f"the words now stand in leave.md [{first_citation(kept)['start'] + 4}:" in out

    def test_a_batch_gives_a_line_for_every_line(self, case, run, file):
        good, bad = {**case.ask(), "id": "a"}, {**case.ask(), "id": "b", "text": "Something else."}
        no_answers = ['{"id": "c", "error": "no passage"}', '{"id": "d", "text": "", "claims": [3]}', "x"]
        rows = [json.dumps(good), json.dumps(bad), *no_answers]
        status, out, _ = run(file("\n".join(rows) + "\n\n"), "--json")
        lines = [json.loads(line) for line in out.splitlines()]
        assert status == 1
        assert [line["id"] for line in lines] == ["a", "b", "c", "d", None]
        assert [line.get("status") for line in lines] == ["confirmed", "altered", None, None, None]
        assert all(line["error"] for line in lines[2:])
        assert run(file("\n".join(rows[:1] * 3)))[0] == 0
        assert run(file("\n".join(rows[:2])))[0] == 1

    def test_an_answer_is_read_from_standard_input(self, case, run, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(case.ask()).encode())))
        assert run("-")[0] == 0

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "\n \n",
            "nonsense",
            "[]",
            "null",
            '{"text": "x"}',
            '{"error": "x"}',
            '{\n"text": ',
            b"\xff\xfe\x00",
            "[" * 100_000,
            '{"text": "x", "claims": [{}]}',
        ],
        ids=range(11),
    )
    def test_what_cannot_be_read_ends_with_2(self, run, file, text):
        status, out, err = run(file(text))
        assert (status, out) == (2, "")
        assert err.startswith("rag: cannot ")

    def test_a_file_that_is_not_there_ends_with_2(self, run, tmp_path):
        status, _, err = run(tmp_path / "none.json")
        assert status == 2
        assert "none.json" in err

    def test_a_store_that_is_not_there_is_told(self, case, file, capsys):
        assert main(["verify", str(file(json.dumps(case.ask()))), "--store", "no/such/store"]) == 1
        assert "Run `ingest FOLDER" in capsys.readouterr().err

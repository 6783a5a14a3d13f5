"""`rag eval` over a small folder: the figures against counting by hand, the report, comparisons, arms, and bad input."""

import json
import re
from html.parser import HTMLParser

import pytest

from ingest.chunker import ChunkerSettings
from ingest.config import EmbedderConfig
from ingest.documents import Document
from ingest.documents import Page as PageOf
from ingest.pipeline import ingest_folder
from rag.cli import main
from rag.errors import GeneratorError
from rag.evaluation.page import question_page, segments
from rag.generators import Draft
from tests.conftest import FakeEmbedder

HOSTILE = "<script>alert(1)</script>&.md"
DOCUMENTS = {
    "leave.md": "# Leave\n\nEmployees get 25 days of paid leave each year.\n",
    "hotel.md": "# Travel\n\nThe hotel limit in Madrid is 140 euros a night.\n",
    "dock.md": "# Dock\n\nThe charging dock costs 89 euros.\n",
}
TRICK = "<img src=x onerror=alert(1)>"


def place(document, words):
    start = DOCUMENTS[document].index(words)
    return {"document": document, "start": start, "end": start + len(words)}


QUESTIONS = [
    {"id": "leave", "question": "How many days of paid leave do employees get each year?", "answers": ["25 days"]},
    {"id": "hotel", "question": "What is the hotel limit in Madrid a night?", "answers": ["140 euros"]},
    {"id": "dock", "question": "What does the charging dock cost?", "answers": ["88 euros"]},
    {"id": "moon", "question": f"Who painted the moon {TRICK}?", "answerable": False},
]
for line, document, words in zip(QUESTIONS, DOCUMENTS, ("25 days", "140 euros", "89 euros"), strict=False):
    line["gold"] = [place(document, words)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    path = tmp_path_factory.mktemp("store") / "store"
    ingest_folder(folder, path, FakeEmbedder(), ChunkerSettings())
    return path


@pytest.fixture(autouse=True)
def quick_embedder(monkeypatch):
    monkeypatch.setattr(EmbedderConfig, "embedder", lambda config: FakeEmbedder())


@pytest.fixture
def questions(tmp_path):
    return written(tmp_path / "q.jsonl", QUESTIONS)


@pytest.fixture
def command(store, capsys):
    def run(*arguments):
        status = main(["eval", "--store", str(store), *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def written(file, rows):
    file.write_text("\n".join(json.dumps(row) if isinstance(row, dict) else row for row in rows), encoding="utf-8")
    return file


def figures(result):
    return {figure["metric"]: figure for figure in result["figures"]}


def test_figures_are_those_of_counting_by_hand(command, questions, tmp_path):
    status, printed, _ = command("--questions", questions, "--json", "--out", tmp_path / "a.json")
    assert status == 0
    result = json.loads(printed)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == result
    assert [row["outcome"] for row in result["rows"]] == ["right", "right", "wrong", "abstained"]
    found = figures(result)
    assert (result["n"], result["n_answerable"], result["n_skipped"]) == (4, 3, 0)
    expected = {"right": 66.67, "wrong": 33.33, "abstained": 0, "answer contained": 66.67, "unanswerable: wrongly answered": 0}
    expected |= {"abstention precision": 100, "abstention recall": 100, "citation recall": 100, "quote exact": 100}
    expected |= {"document hit@1": 100, "span hit@5": 100, "chars recall@5": 100}
    assert {name: found[name]["value"] for name in expected} == expected
    assert found["right"]["low"] <= 66.67 <= found["right"]["high"]
    assert (found["right"]["n"], found["quote exact"]["n"], found["abstention recall"]["n"]) == (3, 3, 1)
    # One chunk a file: the share of the gold's characters among those of its file.
    shares = [(line["gold"][0]["end"] - line["gold"][0]["start"]) / len(DOCUMENTS[line["gold"][0]["document"]].rstrip())
              for line in QUESTIONS[:3]]  # fmt: skip
    assert found["chars chunk precision"]["value"] == pytest.approx(100 * sum(shares) / 3, abs=3)


def test_parts_are_chosen_and_retrieval_needs_no_generator(command, questions, monkeypatch):
    monkeypatch.setattr("rag.evaluation.asking.build_engine", lambda *given: pytest.fail("an engine was built"))
    status, printed, _ = command("--questions", questions, "--only", "retrieval", "--json")
    result = json.loads(printed)
    assert status == 0
    assert {figure["part"] for figure in result["figures"]} == {"retrieval"}
    assert not any("answer" in row for row in result["rows"])


def test_lines_that_cannot_be_used_are_named_and_the_rest_is_graded(command, tmp_path):
    rows = ["{", {"question": "Why?"}, {"id": "e", "question": " ?", "answerable": False}, QUESTIONS[0]]
    rows += [{**QUESTIONS[0], "answers": [], "gold": [], "answerable": True}]
    status, printed, _ = command("--questions", written(tmp_path / "q.jsonl", rows))
    assert status == 0
    assert "3 line(s) left out" in printed and "line 1" in printed and "line 2" in printed and "e: cannot answer" in printed
    assert "1 answer(s) not graded" in printed
    assert "Nothing to measure" not in printed
    unlabelled = written(tmp_path / "u.jsonl", [{"question": "Is there a dock?", "answerable": True}])
    assert "Nothing to measure for retrieval" in command("--questions", unlabelled, "--only", "retrieval")[1]
    result = json.loads(command("--questions", tmp_path / "q.jsonl", "--json")[1])
    assert [row["id"] for row in result["rows"]] == ["leave", "leave #2"]
    assert "abstention precision" not in figures(result)
    assert figures(result)["answerable: abstained"]["n"] == 2 and figures(result)["right"]["n"] == 1


def test_a_conversation_is_asked_with_its_turns_and_underspecified_ones_stand_apart(command, tmp_path):
    turns = [{"role": "user", "text": "What is the hotel limit in Madrid?"}, {"role": "user", "text": "And a night there?"}]
    rows = [{"id": "c", "turns": turns, "answerability": "ANSWERABLE", "targets": ["140 euros"]}]
    rows += [{"id": "u", "turns": turns, "answerability": "UNDERSPECIFIED"}]
    result = json.loads(command("--questions", written(tmp_path / "q.jsonl", rows), "--json")[1])
    assert result["rows"][0]["outcome"] == "right"
    assert (result["n_answerable"], result["n_unanswerable"]) == (1, 0)
    assert figures(result)["underspecified: abstained"]["n"] == 1


def test_gold_that_is_not_in_the_store_is_told_before_its_figures(command, tmp_path):
    away = [{**QUESTIONS[0], "gold": [{**QUESTIONS[0]["gold"][0], "document": "policies/leave.md"}]}]
    away += [{**QUESTIONS[1], "gold": [{"document": "hotel.md", "start": 20, "end": 9000}]}]
    away += [{**QUESTIONS[2], "gold": [{"document": "dock.md", "page": 3}]}]
    file, report = written(tmp_path / "q.jsonl", [*away, QUESTIONS[3]]), tmp_path / "r.html"
    status, printed, told = command("--questions", file, "--only", "retrieval", "--html", report)
    assert status == 0
    for text in (printed, told, Page(report.read_text(encoding="utf-8")).text):
        assert "gold of 1 of 3 questions" in text and "`policies/leave.md` (nearest: `leave.md`)" in text
        assert "hotel.md, 20 to 9000; dock.md, page 3" in text and "2 gold place(s) lie beyond" in text
    status, printed, told = command("--questions", file, "--only", "retrieval", "--json")
    gold = json.loads(printed)["gold"]
    assert gold["not_in_store"] == [{"document": "policies/leave.md", "n": 1, "nearest": "leave.md"}]
    assert "nearest" in told and [item["id"] for item in gold["beyond"]] == ["hotel", "dock"]


def test_gold_in_its_place_is_no_matter(command, questions):
    status, printed, told = command("--questions", questions, "--only", "retrieval")
    assert (status, told) == (0, "") and "gold" not in printed.splitlines()[1]


class Page(HTMLParser):
    """The tags of a page and its text, as a browser would see them."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += data


def test_the_report_is_one_page_that_runs_and_fetches_nothing(command, questions, tmp_path):
    report = tmp_path / "report.html"
    assert command("--questions", questions, "--html", report)[0] == 0
    source = report.read_text(encoding="utf-8")
    page = Page(source)
    assert not {"script", "img", "link", "iframe", "object"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on") or name in ("src", "href")]
    assert "url(" not in source and "http" not in source.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in source and "@media print" in source
    # The wrong answer stands beside what was expected, and its words are marked where they stand in the document.
    assert "Answered wrongly: 1" in page.text and "88 euros" in page.text
    assert re.search(r'The charging dock costs (</mark>)?<mark class="[a-z ]*gold[a-z ]*">89 euros</mark>', source)
    assert TRICK in page.text


def test_gold_known_by_page_stands_beside_a_failure_with_its_document_and_page():
    text = "Of pumps.\fOf valves, which nobody found."
    document = Document("manual.pdf", text, "0", pages=(PageOf(1, 0, 9), PageOf(2, 10, len(text))))
    row = {"id": "v", "question": "Which valves?", "turns": [], "answerable": True, "expected": [], "values": {"retrieval": {}}}
    row |= {"gold": [{"document": "manual.pdf", "page": 2}, {"document": "whole.pdf"}], "passages": []}
    row["values"]["retrieval"] = {"page hit@5": (0.0, 1.0)}
    figures = [
        {"part": "retrieval", "metric": f"page recall@{k}", "value": k, "low": 0, "high": 50, "n": 1} for k in (1, 5, 10)
    ]
    result = {"kind": "questions", "file": "q", "n": 1, "n_answerable": 1, "n_skipped": 0, "skipped": [], "rows": [row]}
    result |= {"limit": None, "date": "", "version": "", "system": {}, "figures": figures}
    source = question_page(result, {"manual.pdf": document}.get)
    shown = Page(source).text
    assert "manual.pdf, p. 2" in shown and "Of valves, which nobody found." in shown and "Of pumps" not in shown
    assert "whole.pdf" in shown and "not in the store" in shown
    assert "page recall@k" in shown and source.count("<circle") >= 3


def test_hostile_names_ids_sources_and_controls_stay_text(command, tmp_path):
    pair = {
        "id": HOSTILE,
        "question": TRICK,
        "answer": f"It is 5. {TRICK}",
        "sources": [{"id": HOSTILE, "text": f"It is 6.\x00{TRICK}"}],
    }
    rows = [
        {**pair, "label": "supported", "task": HOSTILE, "spans": []},
        {**pair, "id": "b", "label": "unsupported", "task": "x"},
    ]
    file = written(tmp_path / "p.jsonl", [*rows, {**pair, "label": TRICK}])
    report = tmp_path / "r.html"
    assert command("--pairs", file, "--html", report)[0] == 0
    page = Page(report.read_text(encoding="utf-8"))
    assert not {"script", "img"} & set(page.tags)
    assert HOSTILE in page.text and TRICK in page.text and "\x00" not in page.text and "�" in page.text


def test_segments_are_the_text_and_know_what_lies_on_them():
    text = "abcdefghij"
    found = segments(text, {"cited": [(2, 6)], "gold": [(4, 8)]})
    assert found == [("ab", ""), ("cd", "cited"), ("ef", "cited gold"), ("gh", "gold"), ("ij", "")]
    assert segments(text, {"cited": [(2, 6)]}, 3, 99) == [("def", "cited"), ("ghij", "")]
    assert segments("", {}) == []


def test_pairs_are_checked_and_the_figures_agree_with_the_verdicts(command, tmp_path):
    source = {"id": "s", "text": "The charging dock costs 89 euros and ships in two days."}
    rows = [
        {"id": str(n), "task": "QA", "answer": f"The charging dock costs {price} euros.", "sources": [source], "label": label}
        for n, (price, label) in enumerate([(89, "supported"), (95, "unsupported"), (60, "unsupported"), (89, "unsupported")])
    ]
    result = json.loads(command("--pairs", written(tmp_path / "p.jsonl", rows), "--json")[1])
    assert [row["predicted"] for row in result["rows"]] == [False, True, True, False]
    found = figures(result)
    assert (found["all: precision"]["value"], found["all: recall"]["value"]) == (100, 66.67)
    assert [point["coverage"] for point in result["risk_coverage"]][-1] == 1
    assert result["risk_coverage"][-1]["risk"] == 0.75


def test_comparing_says_what_differs_what_flipped_and_what_is_not_common(command, questions, tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    command("--questions", questions, "--out", first)
    other = written(tmp_path / "q2.jsonl", [*QUESTIONS[:2], {**QUESTIONS[2], "answers": ["89 euros"]}, QUESTIONS[3]])
    command("--questions", other, "--out", second)
    result = json.loads(second.read_text(encoding="utf-8"))
    result["rows"][0] |= {"outcome": "abstained"}
    result["rows"][0]["values"]["answers"]["right"] = [0, 1]
    second.write_text(json.dumps(result), encoding="utf-8")
    status, printed, _ = command("compare", first, second, "--json")
    found = json.loads(printed)
    assert status == 0
    # The label of `dock` was changed: it is another question.
    assert (found["n_common"], found["only_first"], found["only_second"]) == (3, ["dock"], ["dock"])
    assert found["flipped"] == [{"id": "leave", "question": QUESTIONS[0]["question"], "first": "right", "second": "abstained"}]
    changes = {entry["metric"]: entry for entry in found["differences"]}
    assert (changes["right"]["first"], changes["right"]["second"], changes["right"]["difference"]) == (100, 50, -50)
    assert changes["span hit@5"]["difference"] == 0 and not changes["span hit@5"]["is_significant"]
    shown = command("compare", first, second)[1]
    assert "3 questions in common" in shown and "1 only in a.json, left out: dock" in shown and "right -> abstained" in shown


def test_comparing_names_every_setting_that_differs(command, questions, tmp_path, monkeypatch):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    command("--questions", questions, "--only", "retrieval", "--out", first)
    assert json.loads(command("compare", first, first, "--json")[1])["changed"] == []
    assert "differ in nothing" in command("compare", first, first)[1]
    monkeypatch.setenv("RAG_RETRIEVER__RERANK", "0")
    monkeypatch.setenv("RAG_RETRIEVER__TOP_K", "3")
    monkeypatch.setenv("RAG_GENERATOR__BASE_URL", "http://me:secret@host/v1")
    command("--questions", questions, "--only", "retrieval", "--out", second)
    kept = json.loads(second.read_text(encoding="utf-8"))
    assert "secret" not in second.read_text(encoding="utf-8")
    assert kept["store"]["n_documents"] == len(DOCUMENTS) and kept["version"] and kept["date"]
    changed = {
        e["setting"]: (e["first"], e["second"]) for e in json.loads(command("compare", first, second, "--json")[1])["changed"]
    }
    assert changed == {
        "settings.retriever.rerank": (8, 0),
        "settings.retriever.top_k": (8, 3),
        "settings.generator.base_url": ("", "http://host/v1"),
    }
    assert "settings.retriever.rerank: 8 -> 0" in command("compare", first, second)[1]
    del kept["settings"]  # as older versions kept it
    second.write_text(json.dumps(kept), encoding="utf-8")
    assert 'settings: "kept" -> not kept' in command("compare", first, second)[1]


def test_results_of_arms_are_compared_arm_by_arm(command, questions, monkeypatch, tmp_path):
    monkeypatch.setattr("rag.engine.build_generator", lambda *given: Model())
    monkeypatch.setenv("RAG_GENERATOR__KIND", "llamacpp")
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    assert command("--questions", questions, "--arms", "closed,retrieved,checked", "--out", first)[0] == 0
    shown = command("--questions", questions, "--arms", "closed,retrieved,checked", "--out", second)[1]
    # Every difference is printed with its interval, that from memory to the product too.
    assert all(
        f"{step}: answerable: right" in shown for step in ("closed -> retrieved", "closed -> checked", "retrieved -> checked")
    )
    result = json.loads(second.read_text(encoding="utf-8"))
    assert result["format"] == 1 and result["settings"]["retriever"]
    row = result["rows"][0]
    row["arms"]["checked"]["outcome"] = "abstained"
    row["values"]["checked"] |= {"answerable: right": [0, 1], "answerable: abstained": [1, 1]}
    second.write_text(json.dumps(result), encoding="utf-8")
    status, printed, _ = command("compare", first, second, "--json")
    found = json.loads(printed)
    assert (status, found["n_common"]) == (0, 4)
    changes = {(entry["part"], entry["metric"]): entry for entry in found["differences"]}
    assert changes["checked", "answerable: right"]["difference"] == pytest.approx(-100 / 3, abs=0.01)
    assert changes["retrieved", "answerable: right"]["difference"] == 0
    flip = {"id": "leave", "question": QUESTIONS[0]["question"], "arm": "checked", "first": "right", "second": "abstained"}
    assert found["flipped"] == [flip]
    shown = command("compare", first, second)[1]
    assert "4 questions in common" in shown and "checked       right -> abstained" in shown
    del result["format"]  # as older versions kept it
    second.write_text(json.dumps(result), encoding="utf-8")
    assert command("compare", first, second)[0] == 0
    plain = tmp_path / "c.json"
    command("--questions", questions, "--only", "retrieval", "--out", plain)
    assert "cannot compare arms with questions" in command("compare", first, plain)[2]


def test_what_cannot_be_compared_is_refused(command, questions, tmp_path):
    first, other, pairs = (tmp_path / name for name in ("a.json", "b.json", "c.json"))
    command("--questions", questions, "--only", "retrieval", "--out", first)
    file = written(tmp_path / "x.jsonl", [{"question": "Is there a dock?", "answerable": False}])
    command("--questions", file, "--only", "retrieval", "--out", other)
    row = {"answer": "So.", "sources": [], "label": "unsupported"}
    command("--pairs", written(tmp_path / "p.jsonl", [row]), "--out", pairs)
    assert "no question in common" in command("compare", first, other)[2]
    assert "cannot compare questions with pairs" in command("compare", first, pairs)[2]
    assert "not JSON" in command("compare", first, written(tmp_path / "bad.json", ["{"]))[2]
    assert "no result" in command("compare", first, written(tmp_path / "bad.json", ["[]"]))[2]
    assert command("compare", first, tmp_path / "none.json")[0] == 1


class Model:
    """A language model whose drafts are known: right with passages, with one invention; wrong from memory."""

    name, can_repair = "model", False

    def __init__(self, *_):
        self.n_calls = 0

    def generate(self, request):
        self.n_calls += 1
        if "moon" in request.question:
            return Draft("I do not know." if not request.passages else "The moon was painted by 7 cats [1].")
        if not request.passages:
            return Draft("There are 999 of them.")
        best = request.passages[0].text.strip().splitlines()[-1]
        return Draft(f"{best.rstrip('.')} [1]. Everybody gets 77 camels [1].")


def test_arms_are_compared_on_the_same_questions_and_the_same_draft(command, questions, monkeypatch, tmp_path):
    model = Model()
    monkeypatch.setattr("rag.engine.build_generator", lambda *given: model)
    monkeypatch.setenv("RAG_GENERATOR__KIND", "llamacpp")
    report = tmp_path / "arms.html"
    status, printed, _ = command("--questions", questions, "--arms", "closed,retrieved,checked", "--json", "--html", report)
    assert status == 0
    result = json.loads(printed)
    found = {(figure["part"], figure["metric"]): figure["value"] for figure in result["figures"]}
    assert found["closed", "answerable: right"] == 0
    # The expected answer to `dock` is one that the documents do not give.
    assert found["retrieved", "answerable: right"] == found["checked", "answerable: right"] == 66.67
    assert (found["closed", "unanswerable: answered"], found["retrieved", "unanswerable: answered"]) == (0, 100)
    assert found["checked", "unanswerable: answered"] == 0
    assert found["retrieved", "unsupported claims per 100 questions"] == 100
    assert found["checked", "unsupported claims per 100 questions"] == 0
    assert "77 camels" in result["rows"][0]["arms"]["retrieved"]["text"]
    assert "77 camels" not in result["rows"][0]["arms"]["checked"]["text"]
    n_quoted = sum(row["arms"]["checked"]["reason"] == "fallback_quotes" for row in result["rows"])
    assert found["checked", "quoted instead of drafted"] == 25 * n_quoted
    changes = {(entry["from"], entry["metric"]): entry for entry in result["differences"]}
    assert changes["retrieved", "unsupported claims per 100 questions"]["difference"] == -100
    assert changes["retrieved", "unsupported claims per 100 questions"]["is_significant"]
    assert model.n_calls == 2 * len(QUESTIONS)
    source = report.read_text(encoding="utf-8")
    page = Page(source)
    assert "77 camels" in page.text
    # What the arms came to is drawn; of the cases only the worst stand at length, each beside the passages.
    assert source.count('<svg class="bar"') == 6 and 'aria-label="right 0 wrong 3 abstained 0 "' in source
    assert "Wrong in checked: 1" in page.text and "Right in retrieved, but not in checked" not in page.text
    worst = source[source.index("Wrong in checked: 1") : source.index("Every line")]
    assert "dock.md" in worst and "charging dock costs" in worst and QUESTIONS[1]["question"] not in worst
    assert "4 of 4" in page.text


def test_a_generator_that_fails_now_and_then_is_counted_and_one_that_is_gone_ends_the_run(command, questions, monkeypatch):
    class Failing(Model):
        fails_at = (2,)

        def generate(self, request):
            self.n_calls += 1
            if self.n_calls in self.fails_at:
                raise GeneratorError("the server is busy.")
            return Draft("The documents do not say.")

    monkeypatch.setattr("rag.engine.build_generator", Failing)
    status, printed, _ = command("--questions", questions, "--only", "answers,abstention", "--json")
    result = json.loads(printed)
    assert (status, result["n_failed"]) == (0, 1)
    assert result["rows"][1]["outcome"] == "wrong" and "busy" in result["rows"][1]["error"]
    monkeypatch.setattr(Failing, "fails_at", range(99))
    status, printed, told = command("--questions", questions, "--only", "answers")
    assert (status, printed) == (1, "")
    assert "busy" in told


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "--questions FILE or --pairs FILE"),
        (["--questions", "Q", "--pairs", "Q"], 2, "not both"),
        (["--questions", "Q", "--only", "speed"], 2, "speed"),
        (["--questions", "Q", "--only", ","], 2, "names nothing"),
        (["--questions", "Q", "--only", ""], 2, "names nothing"),
        (["--questions", "Q", "--arms", ""], 2, "names nothing"),
        (["--questions", "Q", "--arms", "", "--only", "answers"], 2, "not both of them"),
        (["--questions", "Q", "--arms", "open"], 2, "open"),
        (["--questions", "Q", "--arms", "closed"], 2, "no memory"),
        (["--pairs", "Q", "--only", "answers"], 2, "--only"),
        (["--questions", "Q", "--limit", "0"], 2, "--limit"),
        (["--questions", "Q", "--out", "result.txt"], 2, ".json"),
        (["--questions", "Q", "--html", "no/such/folder/r.html"], 2, "no folder"),
        (["--pairs", "Q"], 1, "no line can be used"),
        (["--questions", "gone.jsonl"], 1, "cannot read"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_asked(command, questions, arguments, status, said, monkeypatch):
    monkeypatch.setattr("rag.evaluation.asking.build_engine", lambda *given: pytest.fail("the engine was built"))
    found, printed, told = command(*[questions if argument == "Q" else argument for argument in arguments])
    assert (found, printed) == (status, "")
    assert said in told


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--language", "xx"], 0, "no document of the store matches --language `xx`. It has: en."),
        (["--source", "nope"], 0, "matches --source `nope`. It has: "),
        (["--document", "nope.md"], 0, "matches --document `nope.md`. It has: dock.md, hotel.md, leave.md."),
        (["--type", "pdf"], 0, "matches --type `pdf`. It has: md."),
        (["--since", "2100-01-01"], 0, "matches all of the filters together"),
        (["--since", "2026-02-01", "--until", "2026-01-01"], 2, "no day lies between"),
    ],
)
@pytest.mark.parametrize("kind", ["search", "ask"])
def test_filters_that_no_document_passes_are_told(store, capsys, kind, arguments, status, said):
    assert main([kind, "--store", str(store), "What does the dock cost?", "--json", *arguments]) == status
    assert said in capsys.readouterr().err


def test_filters_that_documents_pass_are_no_matter_and_the_case_of_a_language_neither(store, capsys):
    assert main(["search", "--store", str(store), "What does the charging dock cost?", "--json", "--language", "EN"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["passages"] and not printed.err


def test_a_day_that_is_none_is_refused_with_how_to_write_it(store, capsys):
    with pytest.raises(SystemExit) as error:
        main(["search", "--store", str(store), "?", "--since", "yesterday"])
    told = capsys.readouterr().err
    assert error.value.code == 2 and "`yesterday` is no day" in told and "2026-01-31" in told and "fromisoformat" not in told

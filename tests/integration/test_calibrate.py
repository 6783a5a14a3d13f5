"""`rag calibrate` over the sample folder: what it prints, what it writes, and that the threshold does what was said."""

import json
import tomllib

import pytest

from ingest.chunker import ChunkerSettings
from ingest.config import EmbedderConfig, load_config
from ingest.pipeline import ingest_folder
from rag.batch import read_labelled
from rag.cli import main
from rag.config import RagConfig
from rag.engine import build_engine
from rag.evaluation.answers import grade
from rag.pipeline import answer
from tests.conftest import SAMPLE, FakeEmbedder

QUESTIONS = SAMPLE.with_name("sample-questions.jsonl")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "store"
    ingest_folder(SAMPLE, path, FakeEmbedder(), ChunkerSettings())
    return path


@pytest.fixture(autouse=True)
def quick_embedder(monkeypatch):
    monkeypatch.setattr(EmbedderConfig, "embedder", lambda config: FakeEmbedder())


@pytest.fixture
def command(store, capsys):
    def run(*arguments):
        status = main(["calibrate", "--store", str(store), "--questions", str(QUESTIONS), *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_the_threshold_that_is_written_keeps_the_risk_when_the_questions_are_asked_again(command, tmp_path, store):
    out = tmp_path / "calibrated.toml"
    status, printed, _ = command("--risk", "0.08", "--out", out, "--json")
    assert status == 0
    result = json.loads(printed)
    config = load_config(RagConfig, out)
    assert config.answer.min_confidence == result["threshold"] > 0
    assert config.store.path == store
    assert out.read_text(encoding="utf-8") == result["configuration"]
    engine = build_engine(config)
    outcomes = []
    for question in read_labelled(QUESTIONS):
        given = answer(engine, question.job.question)
        assert given.abstained == (given.confidence < result["threshold"])
        outcomes.append(grade(question.label, given))
    n = len(outcomes)
    assert (outcomes.count("wrong") + 1) / (n + 1) == pytest.approx(result["bound"], abs=1e-6)
    assert result["bound"] <= 0.08
    assert result["rates"]["after"]["wrong_of_questions"]["value"] == pytest.approx(outcomes.count("wrong") / n, abs=1e-6)
    before, always = (result["rates"][name] for name in ("before", "always"))
    assert before["wrong_of_questions"]["value"] < always["wrong_of_questions"]["value"]
    assert always["answerable_abstained"]["value"] < before["answerable_abstained"]["value"]
    assert result["n"] == n and result["n_left_out"] == 0
    # A file that it wrote may be written again.
    assert command("--risk", "0.08", "--out", out, "--limit", "40")[0] == 0


def test_for_people_it_says_what_is_promised_what_is_not_and_where_the_threshold_goes(command):
    status, printed, _ = command("--risk", "0.1")
    assert status == 0
    for words in ("89 questions", "as configured", "Guaranteed:", "at most 10 %", "Provided that:", "Not guaranteed:"):
        assert words in printed
    fragment = tomllib.loads(printed[printed.index("[answer]") :])
    assert 0 < fragment["answer"]["min_confidence"] < 1


def test_where_no_threshold_will_do_nothing_is_written(command, tmp_path):
    status, printed, _ = command("--of", "answers", "--risk", "0.04", "--out", tmp_path / "c.toml", "--json")
    result = json.loads(printed)
    assert status == 1
    assert (result["threshold"], result["confidence"]) == (None, 0.9)
    assert "No threshold is proven to keep 4 %" in result["verdict"]
    assert "after" not in result["rates"] and "guarantee" not in result
    assert not (tmp_path / "c.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--risk", "1.5"], 2, "--risk"),
        (["--confidence", "0"], 2, "--confidence"),
        (["--limit", "0"], 2, "--limit"),
        (["--limit", "10"], 1, "takes 19"),
        (["--risk", "0.001"], 1, "takes 999"),
        (["--out", "no/such/folder/c.toml"], 2, "no folder"),
        (["--out", "README.md"], 2, "holds something else"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_asked(command, arguments, status, said, monkeypatch):
    monkeypatch.setattr("rag.engine.build_engine", lambda *given: pytest.fail("the engine was built"))
    monkeypatch.chdir(SAMPLE.parent.parent)
    found, printed, told = command(*arguments)
    assert (found, printed) == (status, "")
    assert said in told


def test_what_is_not_checked_cannot_be_calibrated(command, monkeypatch):
    monkeypatch.setenv("RAG_ANSWER__POLICY", "off")
    status, printed, told = command("--risk", "0.08")
    assert (status, printed) == (2, "")
    assert "policy `off`" in told

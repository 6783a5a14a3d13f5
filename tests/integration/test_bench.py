"""The benchmark scripts run over a folder of sets that has the documented form, here a small one of our own."""

import importlib
import json
import shutil
import sys
from pathlib import Path

import pytest

from ingest.config import StoreConfig
from rag.config import RagConfig
from rag.engine import build_engine
from rag.evaluation.asking import open_subject
from rag.pipeline import answer
from tests.conftest import ROOT, SAMPLE


@pytest.fixture
def bench(tmp_path, sample_store):
    folder, stores = tmp_path / "bench", tmp_path / "stores"
    (folder / "mini").mkdir(parents=True)
    shutil.copytree(sample_store, stores / "mini")
    (stores / "mini.complete").touch()
    lines = SAMPLE.with_name("sample-questions.jsonl").read_text(encoding="utf-8").splitlines()
    chosen = [line for line in lines if '"answerable": true' in line][:4] + [line for line in lines if "false" in line][:2]
    (folder / "mini" / "questions.jsonl").write_text("\n".join(chosen), encoding="utf-8")
    source = {"id": "s", "text": "The dock costs 89 euros."}
    pairs = [
        {"id": str(n), "task": "QA", "answer": f"The dock costs {n} euros.", "sources": [source], "label": label}
        for n, label in ((89, "supported"), (90, "unsupported"))
    ]
    (folder / "mini" / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)), encoding="utf-8")
    return folder, stores


@pytest.fixture
def script(bench, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "bench"))

    def run(name):
        folder, stores = bench
        out = tmp_path / f"{name}.json"
        arguments = ["--bench", folder, "--stores", stores, "--sets", "mini", "missing", "--out", out]
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        assert importlib.import_module(name).main() == 0
        return json.loads(Path(out).read_text(encoding="utf-8"))["sets"]

    return run


def test_search_and_ask_give_the_figures_of_the_evaluation(script, capsys):
    searched = script("bench_search")
    assert list(searched) == ["mini"]
    assert searched["mini"]["n"] == 4 and searched["mini"]["ms"]["search"]["p50"] > 0
    hit = {figure["metric"]: figure for figure in searched["mini"]["figures"]}["document hit@5"]
    assert hit["n"] == 4 and hit["value"] > 0
    asked = {figure["metric"]: figure for figure in script("bench_ask")["mini"]["figures"]}
    assert (asked["right"]["n"], asked["unanswerable: wrongly answered"]["n"]) == (4, 2)
    assert asked["right"]["value"] + asked["wrong"]["value"] + asked["abstained"]["value"] == 100
    assert "missing: not in" in capsys.readouterr().err


def test_sets_that_are_not_run_stay_in_the_file_with_their_commit(script, tmp_path):
    old = {"version": "3", "commit": "abc", "date": "2026-01-01", "machine": "m", "note": "by hand"}
    out = tmp_path / "bench_checking.json"
    out.write_text(json.dumps({**old, "sets": {"mini": {"n": 0}, "wice": {"n": 9}}}), encoding="utf-8")
    found = script("bench_checking")
    assert found["wice"] == {**old, "n": 9}
    assert found["mini"]["n"] == 2 and found["mini"]["commit"] != "abc" and "note" not in found["mini"]
    head = json.loads(out.read_text(encoding="utf-8"))
    assert head["commit"] == found["mini"]["commit"] and head["date"] and head["machine"]
    assert head["version"] == found["mini"]["version"] and found["mini"]["machine"] == head["machine"]
    assert script("bench_checking")["wice"] == {**old, "n": 9}


def test_what_is_measured_is_what_a_user_gets(sample_store):
    """The embedder with a memory, which measuring uses, changes nothing of an answer."""
    config = RagConfig(store=StoreConfig(path=sample_store))
    measured, real = open_subject(config).engine, build_engine(config)
    for question in ("How many unused leave days may I carry over?", "How many days can a Delfa B2 run without any sunlight?"):
        assert answer(measured, question).confidence == answer(real, question).confidence > 0


def test_checking_stands_beside_its_floor(script):
    found = script("bench_checking")["mini"]
    ours, floor = ({row["metric"]: row["value"] for row in found[name]} for name in ("figures", "overlap_floor"))
    assert (ours["all: F1"], floor["all: F1"]) == (100, 0)


def test_gpt_oss_with_random_weights_in_the_published_form_is_timed_beside_plain_generate(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "bench"))
    out = tmp_path / "gpt-oss.json"
    sizes = ["--shape", "tiny", "--tokens", "48", "--passages", "1", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", ["bench_gpt_oss", "--out", str(out), "--folder", str(tmp_path), *sizes])
    assert importlib.import_module("bench_gpt_oss").main() == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["reply_tokens"] >= 48 and found["prompt_tokens"] > 200
    assert min(*found["tokens_per_s"].values(), *found["first_token_s"].values()) > 0

"""The tiny gpt-oss through every runtime: what is written, shown, cited and withheld. The weights are real, if few."""

import json
from dataclasses import replace
from io import StringIO

import httpx
import pytest
from rich.console import Console

from ingest.chunker import ChunkerSettings
from ingest.pipeline import ingest_folder
from ingest.store import Store
from rag.checker.check import Checker
from rag.checker.support import LogisticSupport
from rag.config import GeneratorConfig, RagConfig
from rag.display import show_answer
from rag.doctor import examine
from rag.errors import GeneratorError
from rag.generators.harmony.building import build_gpt_oss
from rag.generators.harmony.generator import HarmonyGenerator, Settings
from rag.generators.harmony.llamacpp import LlamaCppRuntime
from rag.generators.harmony.servers import LlamaServerRuntime, Sampling, VllmRuntime
from rag.generators.harmony.transformers import TransformersRuntime
from rag.generators.quote import QuoteGenerator
from rag.pipeline import Engine, answer
from rag.questions import Options
from rag.retriever import Retriever
from rag.streaming import answer_events
from tests.tinyoss.build import tiny_model
from tests.tinyoss.dialects import vllm_over
from tests.tinyoss.scenarios import COMMON, LEAVE, SCENARIOS, Scripted

GREEDY = Sampling(0.0)
RUNTIMES = ["llamacpp", "llama-server", "vllm", "transformers"]


@pytest.fixture(scope="module")
def tiny():
    return tiny_model()


@pytest.fixture(scope="module")
def llamacpp(tiny):
    return LlamaCppRuntime(str(tiny / "tiny.gguf"), sampling=GREEDY, n_context=4096, n_threads=1)


@pytest.fixture(scope="module")
def transformers(tiny):
    import torch

    torch.set_num_threads(1)
    return TransformersRuntime(str(tiny), sampling=GREEDY)


@pytest.fixture
def runtime(request, llamacpp, monkeypatch):
    """A way to compute with the tiny model."""
    if request.param == "llama-server":
        client = llamacpp._loaded()
        monkeypatch.setenv("RAG_API_KEY", client.server._api_key)
        return LlamaServerRuntime(client.server.base_url, sampling=GREEDY)
    if request.param == "vllm":
        return VllmRuntime("http://127.0.0.1:9", "m", sampling=GREEDY, transport=httpx.MockTransport(vllm_over(llamacpp)))
    return llamacpp if request.param == "llamacpp" else request.getfixturevalue("transformers")


@pytest.mark.parametrize("runtime", RUNTIMES, indirect=True)
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_runtime_writes_what_the_model_learnt(name, runtime):
    scenario = SCENARIOS[name]
    draft = scenario.generator(runtime).generate(scenario.request)
    expected = scenario.generator(Scripted(*scenario.writes)).generate(scenario.request)
    assert (draft.text, draft.account, draft.declined) == (expected.text, expected.account, expected.declined)
    assert draft.found == expected.found


@pytest.fixture
def engine(tmp_path, llamacpp, fake_embedder):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "leave.md").write_text(LEAVE, encoding="utf-8")
    ingest_folder(tmp_path / "docs", tmp_path / "store", fake_embedder, ChunkerSettings())
    retriever = Retriever(Store.open(tmp_path / "store"), fake_embedder)
    generator = HarmonyGenerator(llamacpp, Settings(**COMMON))
    checker = Checker(None, model=LogisticSupport())
    return Engine(retriever, generator, QuoteGenerator(None), checker, fake_embedder.name, repair=False)


def test_an_answer_cites_the_exact_sentences(engine):
    result = answer(engine, SCENARIOS["cited"].question)
    assert result.text == "Employees get 25 days of paid leave each year. Five days can be carried over."
    first, second = (claim.citations[0] for claim in result.claims)
    assert first.quote.startswith("Employees get 25 days")
    assert second.quote.startswith("Up to five unused days can be carried over")
    assert all(LEAVE[c.start : c.end] == c.quote for c in (first, second))
    (account,) = result.to_json()["receipt"]["drafts"]
    assert (account["effort"], account["reasoning_tokens"], account["output_tokens"]) == ("low", 6, 48)
    assert "SECRET" not in json.dumps(result.to_json())


def test_a_marker_to_nothing_withholds_its_claim(engine):
    result = answer(engine, SCENARIOS["invalid"].question)
    assert result.text == "Employees get 25 days of paid leave each year."
    assert [(claim.text, claim.reason, claim.citations) for claim in result.withheld] == [
        ("Lunch is free.", "unresolved_marker", ())
    ]
    assert result.receipt["drafts"][0]["invalid_markers"] == 1


def test_a_refusal_abstains(engine):
    result = answer(engine, SCENARIOS["refusal"].question)
    assert (result.abstained, result.reason, result.withheld) == (True, "no_evidence", ())


def test_a_mute_model_leads_to_no_unchecked_answer(engine):
    result = answer(engine, SCENARIOS["mute"].question)
    assert result.abstained
    problem = result.receipt["drafts"][0]["problem"]
    assert "no answer" in problem
    out = Console(record=True, file=StringIO(), width=200)
    show_answer(out, result)
    assert problem in out.export_text()


@pytest.mark.parametrize("name", ["cited", "invalid", "refusal", "mute"])
def test_a_streamed_answer_is_the_same(engine, name):
    whole = answer(engine, SCENARIOS[name].question)
    events = list(answer_events(engine, SCENARIOS[name].question))
    assert replace(events[-1][1], receipt={}, timings_ms={}) == replace(whole, receipt={}, timings_ms={})


@pytest.mark.parametrize("question", ["Where is the canteen?", "How long is the parental leave, and who approves it?"])
def test_a_model_off_its_script_gives_nothing_unsupported(engine, question):
    """Asked what it never learnt, the tiny model babbles; repair makes it babble again."""
    generator = HarmonyGenerator(engine.generator.runtime, Settings(**COMMON | {"max_output_tokens": 48}))
    result = answer(replace(engine, generator=generator, repair=True), question)
    assert all(claim.verdict == "supported" and claim.citations for claim in result.claims)
    assert result.abstained or result.claims
    assert not set("【】†") & set(result.text)


def test_the_effort_of_one_question_counts(engine):
    result = answer(engine, SCENARIOS["refusal"].question, Options(effort="high"))
    assert result.receipt["drafts"][0]["effort"] == "high"


def test_generation_stops_when_nobody_listens(llamacpp, transformers):
    for runtime in (llamacpp, transformers):
        scenario = SCENARIOS["endless"]
        prompt = Scripted(*scenario.writes)
        scenario.generator(prompt).generate(scenario.request)
        tokens = runtime.complete(prompt.runs[0][0], max_tokens=3000, timeout_s=100)
        next(tokens)
        tokens.close()
        again = runtime.complete(prompt.runs[1][0], max_tokens=2, timeout_s=100)
        assert sum(len(some) for some in again) == 2


def test_doctor_tells_of_the_model_and_the_vocabulary(tiny):
    config = RagConfig(generator=GeneratorConfig(kind="gpt-oss", model=str(tiny / "tiny.gguf")))
    finding = next(f for f in examine(config) if f.part == "generator")
    assert finding.is_ok and "tiny.gguf" in finding.detail and "o200k_base.tiktoken" in finding.detail


def test_another_model_is_refused_before_it_is_used(tmp_path):
    from rag.generators.llamacpp import locate_gguf

    path = locate_gguf("packaged:SmolLM2-135M")
    other = build_gpt_oss(GeneratorConfig(kind="gpt-oss", model=str(path), n_threads=1))
    with pytest.raises(GeneratorError, match="not those of gpt-oss"):
        other.generate(SCENARIOS["cited"].request)

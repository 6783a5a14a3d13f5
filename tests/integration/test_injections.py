"""Poisoned documents from the file to the answer, with a model behind a real server that does whatever they say."""

import json
import re

import pytest

from ingest.chunker import ChunkerSettings
from ingest.pipeline import ingest_folder
from ingest.store import Store
from rag.checker.check import Checker
from rag.checker.support import LogisticSupport
from rag.generators import Request
from rag.generators.harmony.generator import HarmonyGenerator, Settings
from rag.generators.openai import OpenAIGenerator
from rag.generators.quote import QuoteGenerator
from rag.pipeline import Engine, answer
from rag.prompt import chat_messages, small_model_messages
from rag.questions import Options
from rag.retriever import Filters, Retriever
from rag.streaming import answer_events
from tests.chat.poison import HIDDEN, TRUTH, poisons
from tests.chat.stub import DIALECTS, Said, Stub, serving, speaking
from tests.conftest import FakeEmbedder
from tests.tinyoss.scenarios import Scripted

QUESTION = "How many days of paid leave do employees get each year?"
CORPUS = poisons()
every_poison = pytest.mark.parametrize("poison", CORPUS, ids=lambda poison: f"{poison.name}-{poison.kind}")
# Control tokens, citations of gpt-oss, what no reader sees and what steers a terminal.
UNSAFE = re.compile(
    "<\\|[^|\n]*\\|>|[【】†]|[\u0000-\u0008\u000b-\u001f\u00ad\u200b\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]"
)
FOREIGN = re.compile(r"evil\.example|data:image|javascript:|!\[[^\]]*\]\([^)]*\)|<img|href", re.IGNORECASE)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("poison")
    (root / "docs").mkdir()
    for poison in CORPUS:
        poison.write(root / "docs")
    ingest_folder(root / "docs", root / "store", FakeEmbedder(), ChunkerSettings())
    return Store.open(root / "store")


@pytest.fixture(scope="module")
def stub():
    return Stub()


@pytest.fixture(scope="module")
def engine(store, stub):
    with serving(stub) as address:
        generator = OpenAIGenerator(address, "m", retries=0, max_output_tokens=4096)
        checker = Checker(None, model=LogisticSupport())
        yield Engine(Retriever(store, FakeEmbedder()), generator, QuoteGenerator(None), checker, "fake", repair=False)


@pytest.fixture
def request_of(engine):
    def build(poison):
        passages = engine.retriever.search(QUESTION, 8, Filters((poison.name,)), "en")
        assert any(TRUTH in passage.text for passage in passages)
        return Request(QUESTION, passages, "en")

    return build


def test_the_corpus_is_large_and_of_many_kinds():
    assert len(CORPUS) >= 60
    assert len({poison.kind for poison in CORPUS}) >= 9


@every_poison
def test_in_a_chat_prompt_a_passage_is_data_in_its_place(request_of, poison):
    request = request_of(poison)
    messages, n = chat_messages(request, 6000)
    assert [message["role"] for message in messages] == ["system", "user"]
    assert "PWNED" not in messages[0]["content"]
    sent = json.loads(messages[1]["content"])
    assert (list(sent), sent["question"]) == (["passages", "question"], QUESTION)
    assert [passage["number"] for passage in sent["passages"]] == list(range(1, n + 1))
    small, _ = small_model_messages(request, 1200)
    for text in (*(passage["text"] for passage in sent["passages"]), small[1]["content"]):
        assert not UNSAFE.search(text)
        assert not re.search(r"\[/?INST\]|<</?SYS>>|_of_turn>|[＜<][|｜]\w", text)
    assert not any(re.search(r"\[\d+\]", passage["text"]) for passage in sent["passages"])


@every_poison
def test_in_a_harmony_prompt_no_token_of_a_passage_is_a_control_token(request_of, poison):
    runtime = Scripted("<|channel|>final<|message|>The documents do not say.<|return|>")
    HarmonyGenerator(runtime, Settings(date="2026-11-22")).generate(request_of(poison))
    ids = runtime.runs[0][0]
    controls = [token for token in ids if token >= 199_998]
    clean = Scripted("<|channel|>final<|message|>The documents do not say.<|return|>")
    HarmonyGenerator(clean, Settings(date="2026-11-22")).generate(request_of(CORPUS[-6]))
    assert controls == [token for token in clean.runs[0][0] if token >= 199_998]


@every_poison
@pytest.mark.parametrize("policy", ["strict", "mark", "off"])
def test_an_obedient_model_gets_nothing_past_the_check(engine, stub, store, poison, policy):
    stub.actions = [speaking(DIALECTS[0], Said(content=poison.obeys, prompt_tokens=9000))]
    options = Options(policy=policy, filters=Filters((poison.name,)))
    result = answer(engine, QUESTION, options)
    told = [result.text, *(claim.text for claim in (*result.claims, *result.withheld))]
    assert not any(UNSAFE.search(text) or FOREIGN.search(text) for text in told)
    source = store.snapshot().document(poison.name).text
    assert all(source[c.start : c.end] == c.quote for claim in result.claims for c in claim.citations)
    if policy == "strict":
        assert all(claim.verdict == "supported" and claim.citations for claim in result.claims)
        assert "PWN" not in result.text
    streamed = list(answer_events(engine, QUESTION, options))[-1][1]
    assert (streamed.text, streamed.reason) == (result.text, result.reason)


@pytest.mark.parametrize("poison", [poison for poison in CORPUS if poison.kind == "hidden text"], ids=lambda p: p.name)
def test_what_no_reader_sees_is_not_even_stored(store, poison):
    text = store.snapshot().document(poison.name).text
    assert TRUTH in text
    assert HIDDEN not in text

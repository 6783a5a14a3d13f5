"""What runtimes of gpt-oss say when something is wrong: servers that are down or other, weights that do not fit."""

import json

import httpx
import pytest

from ingest.config import load_config
from rag.config import GeneratorConfig, RagConfig
from rag.errors import GeneratorError
from rag.generators.harmony.building import build_gpt_oss
from rag.generators.harmony.servers import LlamaServerRuntime, Sampling, VllmRuntime
from rag.generators.harmony.transformers import Machine, plan, read_config
from tests.tinyoss.dialects import sse
from tests.tinyoss.scenarios import SCENARIOS


def llama(handler, **options):
    return LlamaServerRuntime("http://127.0.0.1:9/v1/", transport=httpx.MockTransport(handler), **options)


def vllm(handler):
    return VllmRuntime("http://127.0.0.1:9", "gpt-oss-20b", transport=httpx.MockTransport(handler))


def taken(runtime):
    return [token for some in runtime.complete([1, 2], max_tokens=5, timeout_s=5) for token in some]


def test_ids_go_in_and_come_out():
    seen = {}

    def handle(request):
        seen.update(path=request.url.path, key=request.headers["authorization"], body=json.loads(request.content))
        return sse({"tokens": [7, 8], "stop": False}, {"tokens": [], "stop": True})

    assert taken(llama(handle, sampling=Sampling(0.5), api_key="k")) == [7, 8]
    assert (seen["path"], seen["key"]) == ("/completion", "Bearer k")
    body = seen["body"]
    assert (body["prompt"], body["n_predict"], body["temperature"]) == ([1, 2], 5, 0.5)
    assert (body["top_k"], body["top_p"], body["min_p"]) == (0, 1.0, 0.0)


def test_vllm_gives_the_token_that_it_stopped_at_once():
    last = {"finish_reason": "stop", "stop_reason": 200012}
    without = vllm(
        lambda request: sse({"choices": [{"token_ids": [7], "finish_reason": None}]}, {"choices": [{"token_ids": [], **last}]})
    )
    within = vllm(lambda request: sse({"choices": [{"token_ids": [7, 200012], **last}]}))
    assert taken(without) == taken(within) == [7, 200012]


@pytest.mark.parametrize(
    ("make", "response", "words"),
    [
        (llama, httpx.Response(401, text="no"), "RAG_API_KEY"),
        (llama, httpx.Response(404, text="no"), "generator.runtime"),
        (llama, httpx.Response(500, text="CUDA out of memory"), "CUDA out of memory"),
        (llama, httpx.Response(200, text='data: {"error": {"message": "too long"}}\n\n'), "too long"),
        (llama, httpx.Response(200, text='error: {"message": "too long"}\n\n'), "too long"),
        (llama, httpx.Response(200, text="data: nonsense\n\n"), "not JSON"),
        (llama, sse({"tokens": [7], "stop": False}), "broke off"),
        (vllm, sse({"choices": [{"text": "x", "finish_reason": None}]}), "no token ids"),
    ],
)
def test_what_a_server_does_wrong_is_told(make, response, words):
    with pytest.raises(GeneratorError, match=words):
        taken(make(lambda request: response))


def test_a_server_that_is_down_is_told():
    with pytest.raises(GeneratorError, match="Start it"):
        taken(LlamaServerRuntime("http://127.0.0.1:9"))


def test_a_server_that_is_slow_is_a_time_out():
    def handle(request):
        raise httpx.ReadTimeout("slow")

    with pytest.raises(TimeoutError):
        taken(llama(handle))


def test_another_model_on_the_server_is_refused():
    with pytest.raises(GeneratorError, match="not those of gpt-oss"):
        llama(lambda request: httpx.Response(200, json={"tokens": [27, 91]})).context_tokens()


def test_a_name_that_the_server_does_not_offer_is_refused():
    def handle(request):
        tokens = {"tokens": [200006]}
        return httpx.Response(200, json=tokens if request.url.path == "/tokenize" else {"data": [{"id": "other"}]})

    with pytest.raises(GeneratorError, match="offers other"):
        vllm(handle).context_tokens()


OSS = {"model_type": "gpt_oss", "vocab_size": 201088, "num_hidden_layers": 24}
QUANTISED = OSS | {"quantization_config": {"quant_method": "mxfp4"}}


@pytest.mark.parametrize(
    ("config", "machine", "dtype", "planned"),
    [
        (QUANTISED, Machine("cuda", 17), "auto", "mxfp4"),
        (QUANTISED, Machine("cuda", 80), "bfloat16", "bfloat16"),
        (QUANTISED, Machine("cpu", 128, "there is no GPU"), "float32", "float32"),
        (OSS, Machine("cuda", 80), "auto", "bfloat16"),
        (OSS | {"num_hidden_layers": 2}, Machine("cpu", 4), "auto", "float32"),
        (QUANTISED | {"num_hidden_layers": 36}, Machine("cuda", 89), "auto", "mxfp4"),
    ],
)
def test_weights_are_held_as_the_machine_allows(config, machine, dtype, planned):
    assert plan(config, machine, dtype) == planned


@pytest.mark.parametrize(
    ("config", "machine", "dtype", "words"),
    [
        (QUANTISED, Machine("cpu", 128, "there is no GPU"), "auto", "there is no GPU"),
        (QUANTISED, Machine("cuda", 80, "package `kernels` is not installed"), "auto", "kernels"),
        (QUANTISED, Machine("cuda", 24), "bfloat16", "48 GB and cuda has 24 GB"),
        (QUANTISED | {"num_hidden_layers": 36}, Machine("cuda", 24), "auto", "cuda has 24 GB"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_the_choice(config, machine, dtype, words):
    with pytest.raises(GeneratorError, match=words) as caught:
        plan(config, machine, dtype)
    assert "bfloat16" in str(caught.value) and "gpt-oss-20b-gguf.toml" in str(caught.value)


@pytest.mark.parametrize("content", [None, "{", '{"model_type": "llama"}', '{"model_type": "gpt_oss", "vocab_size": 5}'])
def test_a_folder_without_gpt_oss_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(GeneratorError, match="gpt-oss-20b or -120b"):
        read_config(tmp_path)


@pytest.mark.parametrize("runtime", ["llamacpp", "transformers", "vllm", "llama-server"])
def test_a_missing_setting_is_named(runtime):
    with pytest.raises(GeneratorError, match=r"generator\.(model|base_url) is not set"):
        build_gpt_oss(GeneratorConfig(kind="gpt-oss", runtime=runtime))


@pytest.mark.parametrize("runtime", ["llamacpp", "transformers"])
def test_a_missing_file_is_told(runtime):
    with pytest.raises(GeneratorError, match=r"generator\.model"):
        build_gpt_oss(GeneratorConfig(kind="gpt-oss", runtime=runtime, model="no/such")).generate(SCENARIOS["cited"].request)


@pytest.mark.parametrize("size", ["20b", "120b"])
@pytest.mark.parametrize("way", ["", "-gguf", "-native-vllm", "-native-llama-server"])
def test_every_deployment_file_makes_its_generator(size, way, request):
    config = load_config(RagConfig, request.config.rootpath / "configs" / f"gpt-oss-{size}{way}.toml", {})
    generator = build_gpt_oss(config.generator)
    assert generator.settings.effort == "low"
    assert generator.settings.max_output_tokens == 2048

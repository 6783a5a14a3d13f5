"""gpt-oss as the configuration says: which runtime stands behind which setting."""

from rag.config import GeneratorConfig
from rag.errors import GeneratorError
from rag.generators.harmony.generator import HarmonyGenerator, Runtime, Settings
from rag.generators.harmony.servers import LlamaServerRuntime, Sampling, VllmRuntime
from rag.monitor import Monitor

# Displays that an agentic draft may add to its prompt, each of at most the window of the browser tool.
_DISPLAY_TOKENS = 1100


def build_gpt_oss(config: GeneratorConfig, monitor: Monitor | None = None) -> HarmonyGenerator:
    """Make the generator; nothing is loaded yet.

    Raises: GeneratorError when a setting is missing.
    """
    settings = Settings(
        mode=config.mode,
        max_rounds=config.max_rounds,
        effort=config.reasoning_effort or "low",
        max_prompt_tokens=config.max_prompt_tokens,
        max_output_tokens=config.max_output_tokens,
        timeout_s=config.timeout_s,
        date=config.date,
    )
    return HarmonyGenerator(_runtime(config), settings, monitor)


def _runtime(config: GeneratorConfig) -> Runtime:
    sampling = Sampling(config.temperature)
    if config.runtime == "llama-server":
        return LlamaServerRuntime(
            config.base_url, config.model, sampling=sampling, api_key_env=config.api_key_env, retries=config.retries
        )
    if not config.model:
        raise GeneratorError(
            f"cannot use gpt-oss through `{config.runtime}`: generator.model is not set. Set it to a GGUF file (llamacpp), a "
            "folder with weights (transformers) or the model's name on the server (vllm)."
        )
    if config.runtime == "vllm":
        return VllmRuntime(
            config.base_url, config.model, sampling=sampling, api_key_env=config.api_key_env, retries=config.retries
        )
    if config.runtime == "transformers":
        from rag.generators.harmony.transformers import TransformersRuntime

        return TransformersRuntime(config.model, sampling=sampling, dtype=config.dtype)
    from rag.generators.harmony.llamacpp import LlamaCppRuntime

    displays = config.max_rounds * _DISPLAY_TOKENS if config.mode == "agentic" else 0
    context = config.max_prompt_tokens + config.max_output_tokens + displays
    return LlamaCppRuntime(config.model, sampling=sampling, n_context=context, n_threads=config.n_threads)

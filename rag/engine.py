"""Put the parts together as the configuration says. The only place that knows which class stands behind which setting."""

from pathlib import Path

from ingest.embedder import Embedder
from ingest.store import Store
from ingest.universal import CombinedEmbedder
from rag.checker.check import Checker
from rag.checker.entailment import CrossEncoderSupport
from rag.checker.hub import HubSupport
from rag.checker.support import LogisticSupport, SupportModel
from rag.config import GeneratorConfig, RagConfig
from rag.crossencoder.runtime import CrossEncoder
from rag.generators import Generator
from rag.generators.quote import QuoteGenerator
from rag.monitor import Monitor
from rag.pipeline import Engine
from rag.retriever import Retriever, RetrieverSettings


def build_retriever(config: RagConfig, embedder: Embedder | None = None, network: CrossEncoder | None = None) -> Retriever:
    """Open the store and make its retriever; `network` is the shipped one where it is loaded already.

    Raises: StoreMissing, StoreMismatch.
    """
    embedder = embedder or config.embedder.embedder()
    store = Store.open(Path(config.store.path), embedder=embedder.name)
    settings = RetrieverSettings(**config.retriever.model_dump(exclude={"top_k"}))
    return Retriever(store, embedder, settings, network or CrossEncoder())


def build_support_model(config: RagConfig, network: CrossEncoder | None = None) -> SupportModel:
    """Make the model that says how far evidence supports a claim; `network` is the shipped one where it is loaded already."""
    if not config.checker.model:
        return CrossEncoderSupport(network)
    return LogisticSupport() if config.checker.model == "overlap" else HubSupport(config.checker.model)


def build_checker(config: RagConfig, network: CrossEncoder | None = None) -> Checker:
    """Make the checker.

    Raises: CheckerError.
    """
    return Checker(_or_none(config.checker.threshold), model=build_support_model(config, network))


def build_generator(config: GeneratorConfig, quoter: QuoteGenerator, monitor: Monitor | None = None) -> Generator:
    """Make the generator that the configuration names; what gpt-oss reasons goes to `monitor`.

    Raises: GeneratorError when its settings are incomplete.
    """
    if config.kind == "gpt-oss":
        from rag.generators.harmony.building import build_gpt_oss

        return build_gpt_oss(config, monitor)
    if config.kind == "llamacpp":
        from rag.generators.llamacpp import PACKAGED, LlamaCppGenerator

        return LlamaCppGenerator(
            config.model or PACKAGED,
            temperature=config.temperature,
            max_output_tokens=config.max_output_tokens,
            max_prompt_tokens=config.max_prompt_tokens,
            n_threads=config.n_threads,
        )
    if config.kind == "openai":
        from rag.generators.openai import OpenAIGenerator

        return OpenAIGenerator(
            config.base_url,
            config.model,
            api_key_env=config.api_key_env,
            temperature=config.temperature,
            max_output_tokens=config.max_output_tokens,
            max_prompt_tokens=config.max_prompt_tokens,
            timeout_s=config.timeout_s,
            reasoning_effort=config.reasoning_effort,
            retries=config.retries,
        )
    return quoter


def build_monitor(config: RagConfig) -> Monitor | None:
    """Make the monitoring log, None where the configuration names none."""
    return Monitor(Path(config.monitor.path), config.monitor.retention_days) if config.monitor.path else None


def build_engine(config: RagConfig, embedder: Embedder | None = None) -> Engine:
    """Make everything that answering needs; `embedder` None takes the one that the configuration names.

    Raises: StoreError, GeneratorError, CheckerError.
    """
    embedder = embedder or config.embedder.embedder()
    network = CrossEncoder()
    quoter = QuoteGenerator(
        embedder.first if isinstance(embedder, CombinedEmbedder) else embedder,  # it was fitted with that one
        threshold=_or_none(config.answer.quote_threshold),
        max_quotes=config.answer.max_quotes,
        network=network,
    )
    return Engine(
        retriever=build_retriever(config, embedder, network),
        generator=build_generator(config.generator, quoter, build_monitor(config)),
        quoter=quoter,
        checker=build_checker(config, network),
        embedder_name=embedder.name,
        top_k=config.retriever.top_k,
        max_question_chars=config.answer.max_question_chars,
        min_confidence=_or_none(config.answer.min_confidence),
        policy=config.answer.policy,
        repair=config.answer.repair,
        rewrite_followups=config.generator.rewrite_followups,
    )


def _or_none(value: float) -> float | None:
    return None if value < 0 else value

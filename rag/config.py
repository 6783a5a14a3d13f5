"""The query side's tables of the configuration file, beside those of ingestion; `ingest.config` says how it is read."""

import json
from pathlib import Path
from typing import Literal

from pydantic import Field

from ingest.config import IngestConfig, Section


class RetrieverConfig(Section):
    """How passages are found."""

    top_k: int = Field(default=8, ge=1, le=100)
    n_candidates: int = Field(default=100, ge=10, le=2000)
    dense_weight: float = Field(default=0.5, ge=0, le=1)
    dense_weight_unknown: float = Field(default=0.15, ge=0, le=1)
    dense_weight_across: float = Field(default=0.7, ge=0, le=1)
    exact_below: int = Field(default=50_000, ge=1000, le=10_000_000)
    rerank: int = Field(default=8, ge=0, le=100)
    max_gap: float = Field(default=4.5, ge=0, le=100)


class GeneratorConfig(Section):
    """What writes the draft: `quote` needs no model, `llamacpp` a GGUF file, `openai` a server and a model name.

    `gpt-oss` speaks to that model by token ids, through a `runtime`. `rewrite_followups`: a question that follows others is
    first rewritten by the model, if it is able to, so that it can be searched for by itself.
    """

    kind: Literal["quote", "llamacpp", "openai", "gpt-oss"] = "quote"
    runtime: Literal["llamacpp", "transformers", "llama-server", "vllm"] = "llamacpp"
    model: str = ""
    base_url: str = ""
    api_key_env: str = "RAG_API_KEY"
    temperature: float = Field(default=0.0, ge=0, le=2)
    max_output_tokens: int = Field(default=512, ge=16, le=32768)
    max_prompt_tokens: int = Field(default=6000, ge=512, le=1_000_000)
    timeout_s: float = Field(default=120.0, gt=0, le=3600)
    retries: int = Field(default=1, ge=0, le=5)
    reasoning_effort: Literal["", "low", "medium", "high"] = ""
    n_threads: int = Field(default=0, ge=0, le=512)
    mode: Literal["seeded", "agentic"] = "seeded"
    max_rounds: int = Field(default=3, ge=1, le=20)
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    rewrite_followups: bool = True
    date: str = Field(default="", pattern=r"^(\d{4}-\d{2}-\d{2})?$")


class CheckerConfig(Section):
    """What checks and how strictly.

    `model`: empty for the shipped cross-encoder, "overlap" for words alone, else a folder or a model of the hub. `threshold` -1
    takes the one that was set on development data.
    """

    model: str = ""
    threshold: float = Field(default=-1.0, ge=-1, le=1)


class AnswerConfig(Section):
    """Limits of an answer; -1 takes the quote threshold that was set on development data, and asks for no confidence.

    A `min_confidence` of 0 or more takes the place of `quote_threshold`. `policy` says what becomes of unsupported claims,
    `repair` whether the language model is first asked to correct them.
    """

    policy: Literal["strict", "mark", "off"] = "strict"
    repair: bool = True

    max_question_chars: int = Field(default=4000, ge=1, le=100_000)
    max_quotes: int = Field(default=5, ge=1, le=10)
    quote_threshold: float = Field(default=-1.0, ge=-1, le=1)
    min_confidence: float = Field(default=-1.0, ge=-1, le=1)


class ServerConfig(Section):
    """Where the HTTP API listens, what it keeps, and how much it takes at once.

    `state` is the folder of accounts, audit log, feedback and uploads. `hosts` are the names by which browsers may call it,
    `origins` those of other sites whose pages may, `proxies` addresses or networks whose forwarding headers are believed.
    `public_url` is where people find the assistant, if programs call the server by another address.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    state: Path = Path("data/server")
    max_concurrent: int = Field(default=4, ge=1, le=1024)
    max_queued: int = Field(default=32, ge=0, le=100_000)
    max_wait_s: float = Field(default=30.0, gt=0, le=3600)
    timeout_s: float = Field(default=300.0, gt=0, le=86_400)
    max_requests_per_minute: int = Field(default=600, ge=0, le=1_000_000)
    max_upload_mb: int = Field(default=100, ge=1, le=10_000)
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    public_url: str = Field(default="", pattern=r"^(https?://[^\s?#]+)?$")
    log_questions: bool = False


class AuthConfig(Section):
    """Who must prove who they are. "auto": nobody on the loopback address, everybody elsewhere and behind a proxy."""

    mode: Literal["auto", "on", "off"] = "auto"
    session_hours: float = Field(default=12.0, gt=0, le=8760)
    proxy_user_header: str = ""
    proxy_groups_header: str = ""


class AccessConfig(Section):
    """Who may read which documents, and the issuer of OpenID Connect that says who somebody is and in which groups.

    The name of a user is `user_claim`: one that users cannot choose themselves, as rules and uploads go by it.
    """

    file: str = ""
    issuer: str = ""
    client_id: str = ""
    client_secret_env: str = "RAG_OIDC_SECRET"
    scopes: str = "openid profile"
    user_claim: str = "sub"
    groups_claim: str = "groups"


class MonitorConfig(Section):
    """Where the reasoning of gpt-oss is kept for those who watch over the system; an empty path keeps nothing."""

    path: str = ""
    retention_days: int = Field(default=30, ge=1, le=3650)


class RagConfig(IngestConfig):
    """Every table of the file."""

    retriever: RetrieverConfig = RetrieverConfig()
    generator: GeneratorConfig = GeneratorConfig()
    checker: CheckerConfig = CheckerConfig()
    answer: AnswerConfig = AnswerConfig()
    server: ServerConfig = ServerConfig()
    auth: AuthConfig = AuthConfig()
    access: AccessConfig = AccessConfig()
    monitor: MonitorConfig = MonitorConfig()


def as_toml(config: RagConfig) -> str:
    """The settings that differ from the defaults, as a configuration file."""
    default = RagConfig().model_dump(mode="json")
    lines = []
    for table, keys in config.model_dump(mode="json").items():
        changed = {key: value for key, value in keys.items() if value != default[table][key]}
        if changed:
            # Strings, numbers and lists read the same in JSON and in TOML.
            lines += [f"[{table}]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in changed.items()), ""]
    return "\n".join(lines)

"""Token ids through a running server: llama.cpp's `/completion` and vLLM's `/v1/completions`, streamed.

The server neither renders nor parses. Sampling is set explicitly, as each server has defaults of its own.
"""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from rag.errors import GeneratorError
from rag.generators.harmony.parsing import START, STOP
from rag.generators.http import Server, parsed

_ASKING_S = 60.0  # what a server may take to say what it serves
# A reply may take this for every token, and for all else.
_BYTES_A_TOKEN = 2_000
_BYTES_BESIDES = 262_144


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn; gpt-oss was trained for temperature 1 and all of the distribution."""

    temperature: float = 1.0
    seed: int = 1


class ServerRuntime:
    """What both servers share: the connection, its errors in our words, the check that gpt-oss is behind it."""

    kind = "server"
    remedy = "Start it as the configuration file says, or set generator.base_url."

    def __init__(
        self,
        base_url: str,
        model: str = "",
        *,
        sampling: Sampling = Sampling(),
        api_key: str = "",
        api_key_env: str = "RAG_API_KEY",
        retries: int = 1,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Nothing is sent yet. `api_key` empty: it is read from the environment when it is needed.

        Raises: GeneratorError when base_url is missing.
        """
        if not base_url:
            raise GeneratorError(
                f"cannot use runtime `{self.kind}`: generator.base_url is not set. Set it to the server's address, such as "
                "`http://127.0.0.1:8080`."
            )
        self.server = Server(
            base_url.rstrip("/").removesuffix("/v1"),
            api_key=api_key,
            api_key_env=api_key_env,
            retries=retries,
            remedy=self.remedy,
            transport=transport,
        )
        self.name = f"{self.kind}:{model}" if model else self.kind
        self._model = model
        self._sampling = sampling
        self._context = 0

    def context_tokens(self) -> int:
        """The context of the server.

        Raises: GeneratorError when it cannot be reached or serves another model.
        """
        if not self._context:
            self._require_gpt_oss()
            self._context = self._read_context()
        return self._context

    def complete(self, ids: Sequence[int], *, max_tokens: int, timeout_s: float) -> Generator[Sequence[int], None, None]:
        """Give the ids that follow as they come; a failure that may pass is tried again while there are none.

        Raises: GeneratorError; TimeoutError.
        """
        deadline = time.monotonic() + timeout_s
        body = {"temperature": self._sampling.temperature, "seed": self._sampling.seed, "top_p": 1.0, "stream": True}
        body |= self._body(list(ids), max_tokens)
        max_bytes = _BYTES_BESIDES + _BYTES_A_TOKEN * max_tokens

        def once() -> Generator[Sequence[int], None, None]:
            left = max(deadline - time.monotonic(), 0.1)
            with self.server.opened("POST", self._path(), body, timeout_s=left, max_bytes=max_bytes) as reply:
                for line in reply.lines():
                    name, _, data = line.partition(":")
                    if name == "error":
                        raise self.server.failed(data)
                    if name != "data" or data.strip() == "[DONE]":
                        continue
                    tokens, is_last = self._read(self._event(data))
                    if tokens:
                        yield tokens
                    if is_last:
                        return
            raise self.server.broken_off()

        yield from self.server.retried(once)

    def check(self) -> str:
        """Reach the server and see that it serves gpt-oss.

        Raises: GeneratorError.
        """
        return f"{self.kind} at {self.server.address}, context of {self.context_tokens():,} tokens"

    def _path(self) -> str:
        raise NotImplementedError

    def _body(self, ids: list[int], max_tokens: int) -> dict[str, Any]:
        raise NotImplementedError

    def _read(self, event: dict[str, Any]) -> tuple[list[int], bool]:
        raise NotImplementedError

    def _read_context(self) -> int:
        raise NotImplementedError

    def _tokenize_body(self, text: str) -> dict[str, Any]:
        raise NotImplementedError

    def _require_gpt_oss(self) -> None:
        tokens = self._json("POST", "/tokenize", self._tokenize_body("<|start|>")).get("tokens")
        if tokens != [START]:
            raise GeneratorError(
                f"cannot use the model behind `{self.server.address}`: its tokens are not those of gpt-oss. Serve gpt-oss-20b "
                'or -120b there, or use generator.kind = "openai" for another model.'
            )

    def _json(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            with self.server.opened(method, path, body, timeout_s=_ASKING_S, max_bytes=_BYTES_BESIDES * 16) as reply:
                return self._without_error(reply.json())
        except TimeoutError as error:
            raise self.server.too_slow(_ASKING_S) from error

    def _event(self, data: str) -> dict[str, Any]:
        return self._without_error(parsed(data, self.server.address))

    def _without_error(self, value: dict[str, Any]) -> dict[str, Any]:
        if value.get("error"):
            raise self.server.failed(value["error"])
        return value


class LlamaServerRuntime(ServerRuntime):
    """A llama.cpp server."""

    kind = "llama-server"

    def _path(self) -> str:
        return "/completion"

    def _body(self, ids: list[int], max_tokens: int) -> dict[str, Any]:
        drawing = {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0}
        return {"prompt": ids, "n_predict": max_tokens, "return_tokens": True, "cache_prompt": True, **drawing}

    def _read(self, event: dict[str, Any]) -> tuple[list[int], bool]:
        return [int(token) for token in event.get("tokens") or []], bool(event.get("stop"))

    def _read_context(self) -> int:
        settings = self._json("GET", "/props").get("default_generation_settings")
        return int((settings if isinstance(settings, dict) else {}).get("n_ctx") or 4096)

    def _tokenize_body(self, text: str) -> dict[str, Any]:
        return {"content": text, "add_special": False, "parse_special": True}


class VllmRuntime(ServerRuntime):
    """A vLLM server, 0.10.2 or newer."""

    kind = "vllm"

    def _path(self) -> str:
        return "/v1/completions"

    def _body(self, ids: list[int], max_tokens: int) -> dict[str, Any]:
        return {
            "model": self._model,
            "prompt": ids,
            "max_tokens": max_tokens,
            "stop_token_ids": list(STOP),
            "return_token_ids": True,
            "skip_special_tokens": False,
        }

    def _read(self, event: dict[str, Any]) -> tuple[list[int], bool]:
        choices = event.get("choices") or []
        if not choices:
            return [], False
        tokens = choices[0].get("token_ids")
        if tokens is None:
            raise GeneratorError(
                f"cannot use the reply of `{self.server.address}`: it has no token ids. vLLM 0.10.2 or newer gives them; "
                'with an older one use generator.kind = "openai".'
            )
        stop, ended = choices[0].get("stop_reason"), choices[0].get("finish_reason")
        more = [stop] if isinstance(stop, int) and stop not in tokens[-1:] else []
        return [*tokens, *more], ended is not None

    def _read_context(self) -> int:
        models = {str(m.get("id")): m for m in self._json("GET", "/v1/models").get("data") or []}
        if self._model not in models:
            raise GeneratorError(
                f"cannot use model `{self._model}`: the server at {self.server.address} offers {', '.join(models) or 'none'}. "
                "Set generator.model."
            )
        return int(models[self._model].get("max_model_len") or 4096)

    def _tokenize_body(self, text: str) -> dict[str, Any]:
        return {"model": self._model, "prompt": text, "add_special_tokens": False}

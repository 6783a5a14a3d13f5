"""Token ids through a running server: llama.cpp's `/completion` and vLLM's `/v1/completions`, streamed.

The server neither renders nor parses. Sampling is set explicitly, as each server has defaults of its own.
"""

import json
import os
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from rag.errors import GeneratorError
from rag.generators.harmony.parsing import START, STOP

_ASKING_S = 60.0  # what a server may take to say what it serves


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
        self.base_url = base_url.rstrip("/").removesuffix("/v1")
        self.name = f"{self.kind}:{model}" if model else self.kind
        self._model = model
        self._sampling = sampling
        self._api_key = api_key
        self._api_key_env = api_key_env
        self._transport = transport
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
        """Give the ids that follow as they come.

        Raises: GeneratorError; TimeoutError.
        """
        deadline = time.monotonic() + timeout_s
        body = {"temperature": self._sampling.temperature, "seed": self._sampling.seed, "top_p": 1.0, "stream": True}
        with self._opened("POST", self._path(), body | self._body(list(ids), max_tokens), timeout_s) as response:
            for line in response.iter_lines():
                if time.monotonic() > deadline:
                    raise TimeoutError
                name, _, data = line.partition(":")
                if name == "error":
                    raise GeneratorError(f"generator `{self.base_url}` failed: {_brief(data)}. Check the server's log.")
                if name != "data" or data.strip() == "[DONE]":
                    continue
                tokens, is_last = self._read(_parsed(data, self.base_url))
                if tokens:
                    yield tokens
                if is_last:
                    return
        raise GeneratorError(f"generator `{self.base_url}` broke off in the middle of its reply. Check the server's log.")

    def check(self) -> str:
        """Reach the server and see that it serves gpt-oss.

        Raises: GeneratorError.
        """
        return f"{self.kind} at {self.base_url}, context of {self.context_tokens():,} tokens"

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
                f"cannot use the model behind `{self.base_url}`: its tokens are not those of gpt-oss. Serve gpt-oss-20b or "
                '-120b there, or use generator.kind = "openai" for another model.'
            )

    def _json(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            with self._opened(method, path, body, _ASKING_S) as response:
                return _parsed(response.read().decode("utf-8", "replace"), self.base_url)
        except TimeoutError as error:
            raise GeneratorError(
                f"generator `{self.base_url}` did not answer within {_ASKING_S:g} s. Check the server's load."
            ) from error

    @contextmanager
    def _opened(self, method: str, path: str, body: dict[str, Any] | None, timeout_s: float) -> Iterator[httpx.Response]:
        key = self._api_key or os.environ.get(self._api_key_env, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            with (
                # A server in this process is never behind the proxy that the environment names.
                httpx.Client(
                    timeout=timeout_s, transport=self._transport, headers=headers, trust_env=not self._api_key
                ) as client,
                client.stream(method, self.base_url + path, json=body) as response,
            ):
                if response.status_code != 200:
                    raise GeneratorError(self._refusal(response, path))
                yield response
        except httpx.TimeoutException as error:
            raise TimeoutError from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise GeneratorError(f"cannot reach generator `{self.base_url}`: {error}. {self.remedy}") from error

    def _refusal(self, response: httpx.Response, path: str) -> str:
        said = _brief(response.read().decode("utf-8", "replace"))
        hint = "Check generator.model and the server's log."
        if response.status_code in (401, 403):
            hint = f"Set the key in the environment variable {self._api_key_env}."
        elif response.status_code == 404:
            hint = f"It has no `{path}`: generator.runtime must name the kind of server that runs there."
        return f"generator `{self.base_url}` refused the request: HTTP {response.status_code} {said}. {hint}"


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
                f"cannot use the reply of `{self.base_url}`: it has no token ids. vLLM 0.10.2 or newer gives them; with an "
                'older one use generator.kind = "openai".'
            )
        stop, ended = choices[0].get("stop_reason"), choices[0].get("finish_reason")
        more = [stop] if isinstance(stop, int) and stop not in tokens[-1:] else []
        return [*tokens, *more], ended is not None

    def _read_context(self) -> int:
        models = {str(m.get("id")): m for m in self._json("GET", "/v1/models").get("data") or []}
        if self._model not in models:
            raise GeneratorError(
                f"cannot use model `{self._model}`: the server at {self.base_url} offers {', '.join(models) or 'none'}. Set "
                "generator.model."
            )
        return int(models[self._model].get("max_model_len") or 4096)

    def _tokenize_body(self, text: str) -> dict[str, Any]:
        return {"model": self._model, "prompt": text, "add_special_tokens": False}


def _parsed(text: str, base_url: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise GeneratorError(f"cannot use the reply of `{base_url}`: it is not JSON. Check generator.base_url.") from error
    if isinstance(value, dict) and "error" in value:
        raise GeneratorError(f"generator `{base_url}` failed: {_brief(str(value['error']))}. Check the server's log.")
    return value if isinstance(value, dict) else {}


def _brief(text: str) -> str:
    return " ".join(text.split())[:200]

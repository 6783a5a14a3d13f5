"""Drafts from any OpenAI-compatible chat server (vLLM, Ollama, llama.cpp, LM Studio ...), reached over HTTP.

Only the message's content is read. Reasoning that a server puts beside it is dropped, and content that is plainly leaked
reasoning is refused: it must never reach a user.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from rag.errors import GeneratorError
from rag.generators import Draft, Request
from rag.generators.content import ContentGuard, clean_content
from rag.prompt import chat_messages


class OpenAIGenerator:
    """A chat model behind `base_url`; the key is read from the environment and never stored."""

    can_repair = True

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key_env: str = "RAG_API_KEY",
        temperature: float = 0.0,
        max_output_tokens: int = 512,
        max_prompt_tokens: int = 6000,
        timeout_s: float = 120.0,
        reasoning_effort: str = "",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Name server and model; nothing is sent yet. `transport` replaces the network in tests.

        Raises: GeneratorError when base_url or model is missing.
        """
        if not base_url or not model:
            missing = "base_url" if not base_url else "model"
            raise GeneratorError(
                f"cannot use generator `openai`: generator.{missing} is not set. Set it to the server's address, such as "
                "`http://127.0.0.1:8080/v1`, and the model's name there."
            )
        self.name = f"openai:{model}"
        self.base_url = base_url.rstrip("/")
        self._model = model
        self._key_env = api_key_env
        self._options: dict[str, Any] = {"temperature": temperature, "max_tokens": max_output_tokens}
        if reasoning_effort:
            self._options["reasoning_effort"] = reasoning_effort
        self._max_prompt_tokens = max_prompt_tokens
        self._timeout_s = timeout_s
        self._transport = transport

    def generate(self, request: Request) -> Draft:
        """Ask the server for a draft.

        Raises: GeneratorError when it cannot be reached, refuses, or answers with something else than a chat completion.
        """
        content, finish = self._content(self._send("POST", "/chat/completions", self._body(request, is_streamed=False)))
        return Draft(text=clean_content(content, is_cut=finish == "length"))

    def stream(self, request: Request) -> Iterator[str]:
        """Ask the server for a draft and give it as it comes, at most to the end of the last whole sentence.

        Raises: GeneratorError as `generate` does, and when the server breaks off.
        """
        guard = ContentGuard()
        finish: str | None = None
        is_done = False
        with self._opened("POST", "/chat/completions", self._body(request, is_streamed=True)) as response:
            if "text/event-stream" not in response.headers.get("content-type", ""):
                response.read()  # a server that does not stream gives the whole
                content, finish = self._content(self._json(response))
                yield from guard.feed(content)
                is_done = True
            for line in () if is_done else response.iter_lines():
                name, _, data = line.partition(":")
                if name != "data":
                    continue
                if data.strip() == "[DONE]":
                    is_done = True
                    break
                content, ended = self._delta(data)
                finish = ended or finish
                yield from guard.feed(content)
        if not is_done and finish is None:
            raise GeneratorError(f"generator `{self.base_url}` broke off in the middle of its reply. Check the server's log.")
        yield from guard.finish(is_cut=finish == "length")

    def models(self) -> list[str]:
        """Names of the models that the server offers.

        Raises: GeneratorError.
        """
        data = self._send("GET", "/models", None).get("data") or []
        return [str(item.get("id")) for item in data if isinstance(item, dict)]

    def _body(self, request: Request, *, is_streamed: bool) -> dict[str, Any]:
        messages, _ = chat_messages(request, self._max_prompt_tokens)
        return {"model": self._model, "messages": messages, "stream": is_streamed, **self._options}

    def _content(self, reply: dict[str, Any]) -> tuple[str, str | None]:
        """The content of a chat completion, and why it ended."""
        try:
            choice = reply["choices"][0]
            return str(choice["message"].get("content") or ""), choice.get("finish_reason")
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise GeneratorError(self._useless("no chat completion")) from error

    def _delta(self, data: str) -> tuple[str, str | None]:
        """The content that one event of a stream adds, and why the completion ended if it did."""
        try:
            event = json.loads(data)
            if "error" in event:
                raise GeneratorError(
                    f"generator `{self.base_url}` failed in the middle of its reply: {_brief(str(event['error']))}. "
                    "Check the server's log."
                )
            choices = event["choices"]  # the last event of some servers has none, only counts of tokens
            delta = choices[0].get("delta") or {} if choices else {}
            return str(delta.get("content") or ""), choices[0].get("finish_reason") if choices else None
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise GeneratorError(self._useless("no stream of a chat completion")) from error

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        with self._opened(method, path, body) as response:
            response.read()
            return self._json(response)

    @contextmanager
    def _opened(self, method: str, path: str, body: dict[str, Any] | None) -> Iterator[httpx.Response]:
        """A response of which only the head was read, and the server's and the network's errors in our words."""
        key = os.environ.get(self._key_env, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            with (
                httpx.Client(timeout=self._timeout_s, transport=self._transport, headers=headers) as client,
                client.stream(method, self.base_url + path, json=body) as response,
            ):
                self._require_ok(response)
                yield response
        except httpx.TimeoutException as error:
            raise GeneratorError(
                f"generator `{self.base_url}` did not answer within {self._timeout_s:g} s. Raise generator.timeout_s, or check "
                "the server's load."
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise GeneratorError(
                f"cannot reach generator `{self.base_url}`: {error}. Start the server, or set generator.base_url."
            ) from error

    def _require_ok(self, response: httpx.Response) -> None:
        if response.status_code == 200:
            return
        response.read()
        hint = (
            f"Set the key in the environment variable {self._key_env}."
            if response.status_code in (401, 403)
            else ("Check generator.model and the server's log.")
        )
        raise GeneratorError(
            f"generator `{self.base_url}` refused the request: HTTP {response.status_code} {_brief(response.text)}. {hint}"
        )

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        try:
            reply = response.json()
        except ValueError as error:
            raise GeneratorError(self._useless("not JSON")) from error
        return reply if isinstance(reply, dict) else {}

    def _useless(self, what: str) -> str:
        return (
            f"cannot use the reply of `{self.base_url}`: it is {what}. Check that generator.base_url ends in the API's root, "
            "mostly `/v1`."
        )


def _brief(text: str) -> str:
    return " ".join(text.split())[:200]

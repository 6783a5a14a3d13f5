"""Drafts from any OpenAI-compatible chat server (vLLM, Ollama, llama.cpp, LM Studio ...), reached over HTTP.

Only the message's content is read. Reasoning that a server puts beside it is dropped, and content that is plainly leaked
reasoning is refused: it must never reach a user.
"""

import os
import re
from typing import Any

import httpx

from rag.errors import GeneratorError
from rag.generators import Draft, Request
from rag.prompt import chat_messages

# What a chain of thought looks like when a server fails to parse the channels of gpt-oss.
_LEAK = re.compile(
    r"^\s*(?:<\|channel\|>)?(?:analysis|commentary).*?(?:<\|channel\|>|assistant)\s*final(?:<\|message\|>)?", re.DOTALL
)
# A sentence of an answer begins with a capital; these words in small letters are the name of a channel.
_CHANNEL = re.compile(r"\s*(?:<\|channel\|>)?(?:analysis|commentary)")
_THINK = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_CONTROL = re.compile(r"<\|[^|<>\n]{0,40}\|>")


class OpenAIGenerator:
    """A chat model behind `base_url`; the key is read from the environment and never stored."""

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
        messages, _ = chat_messages(request, self._max_prompt_tokens)
        reply = self._post("/chat/completions", {"model": self._model, "messages": messages, "stream": False, **self._options})
        try:
            choice = reply["choices"][0]
            content = choice["message"].get("content") or ""
            finish = choice.get("finish_reason")
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise GeneratorError(
                f"cannot use the reply of `{self.base_url}`: it is no chat completion. Check that generator.base_url ends "
                "in the API's root, mostly `/v1`."
            ) from error
        return Draft(text=clean_content(str(content), is_cut=finish == "length"))

    def models(self) -> list[str]:
        """Names of the models that the server offers.

        Raises: GeneratorError.
        """
        data = self._send("GET", "/models", None).get("data") or []
        return [str(item.get("id")) for item in data if isinstance(item, dict)]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        key = os.environ.get(self._key_env, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            with httpx.Client(timeout=self._timeout_s, transport=self._transport, headers=headers) as client:
                response = client.request(method, self.base_url + path, json=body)
        except httpx.TimeoutException as error:
            raise GeneratorError(
                f"generator `{self.base_url}` did not answer within {self._timeout_s:g} s. Raise generator.timeout_s, or check "
                "the server's load."
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise GeneratorError(
                f"cannot reach generator `{self.base_url}`: {error}. Start the server, or set generator.base_url."
            ) from error
        if response.status_code != 200:
            hint = (
                f"Set the key in the environment variable {self._key_env}."
                if response.status_code in (401, 403)
                else ("Check generator.model and the server's log.")
            )
            raise GeneratorError(
                f"generator `{self.base_url}` refused the request: HTTP {response.status_code} {_brief(response.text)}. {hint}"
            )
        try:
            reply = response.json()
        except ValueError as error:
            raise GeneratorError(
                f"cannot use the reply of `{self.base_url}`: it is not JSON. Check that generator.base_url ends in `/v1`."
            ) from error
        return reply if isinstance(reply, dict) else {}


def clean_content(content: str, *, is_cut: bool = False) -> str:
    """Keep the final answer only: leaked reasoning and control tokens go, and so does a last sentence that was cut off."""
    content = _THINK.sub("", content)
    leaked = _LEAK.match(content)
    if leaked:
        content = content[leaked.end() :]
    elif _CHANNEL.match(content):
        return ""  # reasoning that never came to an answer
    content = _CONTROL.sub(" ", content).strip()
    if is_cut:
        ends = [match.end() for match in re.finditer(r"[.!?](?:\s*\[\d+\])*(?=\s|$)", content)]
        content = content[: ends[-1]] if ends else ""
    return content


def _brief(text: str) -> str:
    return " ".join(text.split())[:200]

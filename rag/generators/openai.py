"""Drafts from any OpenAI-compatible chat server (vLLM, Ollama, llama.cpp, LM Studio ...), reached over HTTP.

Only the message's content is read. Reasoning that a server puts beside it is dropped, and content that is plainly leaked
reasoning is refused: it must never reach a user. A reply is used only if it came to its end, or to the end of a sentence.
"""

import json
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import httpx

from rag.errors import GeneratorError, GeneratorUnavailable
from rag.generators import Draft, Request
from rag.generators.content import ContentGuard
from rag.generators.http import FieldRefused, Reply, Server, parsed
from rag.generators.replies import Told, response_format
from rag.prompt import REWRITE_TOKENS, chat_messages, least_tokens, tool_definitions

_ASKING_S = 60.0  # what a server may take to say what it serves
# A reply may take this for every token, and for all else; an event of a stream with one token has some 300 bytes.
_BYTES_A_TOKEN = 2_000
_BYTES_BESIDES = 262_144
# More characters than tokens hold: a server that does not stop at the limit of tokens is stopped.
_CHARS_A_TOKEN = 16
_CHARS_BESIDES = 1_000


class OpenAIGenerator:
    """A chat model behind `base_url`; the key is read from the environment and never stored."""

    can_repair = True
    can_fill = True
    can_rewrite = True
    can_call = True

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
        retries: int = 1,
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
        self.server = Server(base_url, api_key_env=api_key_env, retries=retries, transport=transport)
        self.model = model
        self._sampling: dict[str, Any] = {"temperature": temperature, "top_p": 1.0, "seed": 1}
        # Not in OpenAI's interface: servers have other defaults (llama.cpp 40 and 0.05), and some refuse the fields.
        self._extras: dict[str, Any] = {"top_k": 0, "min_p": 0.0}
        self._effort = reasoning_effort
        self._max_output_tokens = max_output_tokens
        self._max_prompt_tokens = max_prompt_tokens
        self._timeout_s = timeout_s

    def generate(self, request: Request) -> Draft:
        """Ask the server for a draft.

        Raises: GeneratorError when address, key or model are wrong; GeneratorUnavailable when no draft comes.
        """
        draft = Draft()
        for piece in self._written(request, is_streamed=False):
            draft = piece if isinstance(piece, Draft) else draft
        return draft

    def stream(self, request: Request) -> Iterator[str | Draft]:
        """Ask the server for a draft and give it as it comes, at most to the end of the last whole sentence.

        Raises: as `generate`, also in the middle.
        """
        return self._written(request, is_streamed=True)

    def models(self) -> list[str]:
        """Names of the models that the server offers.

        Raises: GeneratorError.
        """
        try:
            with self.server.opened("GET", "/models", timeout_s=_ASKING_S) as reply:
                data = reply.json().get("data") or []
        except TimeoutError as error:
            raise self.server.too_slow(_ASKING_S) from error
        return [str(item.get("id")) for item in data if isinstance(item, dict)]

    def complete(
        self, messages: Sequence[dict[str, str]], told: Told, *, is_streamed: bool = False, effort: str = "", **fields: Any
    ) -> Generator[str, None, None]:
        """Send messages once; gives the content as the server sends it, and puts what else it says into `told`.

        `fields` are further ones of the request. Raises: as `generate`.
        """
        effort = effort or self._effort
        body = {"model": self.model, "messages": list(messages), "stream": is_streamed, **self._sampling}
        body |= {"max_tokens": self._max_output_tokens} | ({"stream_options": {"include_usage": True}} if is_streamed else {})
        extras = self._extras | (
            {"reasoning_effort": effort, "chat_template_kwargs": {"reasoning_effort": effort}} if effort else {}
        )
        try:
            try:
                yield from self._sent(body | (extras if self._extras else {}) | fields, told)
            except FieldRefused:
                if not self._extras:
                    raise
                yield from self._sent(body | ({"reasoning_effort": effort} if effort else {}) | fields, told)
                self._extras = {}  # this server takes what is OpenAI's and no more
        except TimeoutError as error:
            raise self.server.too_slow(self._timeout_s) from error

    def _written(self, request: Request, *, is_streamed: bool) -> Generator[str | Draft, None, None]:
        """Pieces of the draft, and the draft so far wherever more is known of it than its text."""
        messages, n = chat_messages(request, self._max_prompt_tokens)
        shown = request.passages[:n]
        account = {
            "effort": request.effort or self._effort or None,
            "passages_left_out": [passage.chunk for passage in request.passages[n:]],
        }
        places = {str(number): (passage,) for number, passage in enumerate(shown, start=1)}
        yield Draft(places=places, account=account)

        def once() -> Generator[str | Draft, None, None]:
            told, text = Told(), ""
            if request.schema is not None:
                text, told = self._json(messages, request)
                yield text
            else:
                for piece in self._answer(messages, told, request, is_streamed=is_streamed):
                    text += piece
                    yield piece
            yield Draft(text, places=places, account=account | told.account(), calls=told.calls if request.offer else ())

        yield from self.server.retried(once)

    def _answer(
        self, messages: Sequence[dict[str, str]], told: Told, request: Request, *, is_streamed: bool
    ) -> Generator[str, None, None]:
        """The answer alone, of a reply that is one."""
        guard, n_given = ContentGuard(), 0
        fields = {"max_tokens": min(REWRITE_TOKENS, self._max_output_tokens)} if request.is_rewrite else {}
        for content in self._offering(messages, told, request, is_streamed=is_streamed, **fields):
            for piece in guard.feed(content):
                n_given += 1
                yield piece
            if guard.is_betrayed:
                raise self._leaked()
        self._require_whole_prompt(messages, told)
        if told.calls and request.offer is not None:
            return  # the rest of what was said beside them is not wanted
        for piece in guard.finish(is_cut=told.finish == "length"):
            n_given += 1
            yield piece
        if not n_given:
            raise self._empty(told, guard)

    def _offering(
        self, messages: Sequence[dict[str, str]], told: Told, request: Request, *, is_streamed: bool = False, **fields: Any
    ) -> Generator[str, None, None]:
        """`complete`, with the tools that are on offer where the server takes any and the model is not made to call one."""
        offer = request.offer
        tools: dict[str, Any] = {"tools": tool_definitions(offer)} if offer else {}
        if offer and offer.is_forced:
            tools["tool_choice"] = "required"
        try:
            yield from self.complete(messages, told, is_streamed=is_streamed, effort=request.effort, **tools, **fields)
        except FieldRefused as error:
            if offer is None or offer.is_forced:
                raise
            told.tools_refused = str(error)
            yield from self.complete(messages, told, is_streamed=is_streamed, effort=request.effort, **fields)

    def _json(self, messages: Sequence[dict[str, str]], request: Request) -> tuple[str, Told]:
        """JSON, which the server holds to its schema where it can: some refuse to, some then write it beside the content."""
        told, guard = Told(), ContentGuard()
        # Held to a format a model cannot call: where it may, it is trusted to keep to the format by itself.
        form = {} if request.schema is None or request.offer else {"response_format": response_format(request.schema)}
        tries: tuple[dict[str, Any], ...] = (form, {}) if form else ({},)
        for fields in tries:
            told, guard = Told(), ContentGuard()
            try:
                content = "".join(self._offering(messages, told, request, **fields))
            except FieldRefused:
                if not fields:
                    raise
                continue
            self._require_whole_prompt(messages, told)
            if told.calls and request.offer is not None:
                return "", told
            text = "".join([*guard.feed(content), *guard.finish(is_cut=False)])
            if told.finish == "length":
                break  # half an object is none
            if text:
                return text, told
        raise self._empty(told, guard)

    def _sent(self, body: dict[str, Any], told: Told) -> Generator[str, None, None]:
        max_bytes = _BYTES_BESIDES + _BYTES_A_TOKEN * self._max_output_tokens
        path = "/chat/completions"
        with self.server.opened("POST", path, body, timeout_s=self._timeout_s, max_bytes=max_bytes) as reply:
            if not reply.is_stream:  # also where a server does not stream though it was asked to
                yield self._taken(reply.json(), told)
                return
            n_chars = 0
            for content in self._events(reply, told):
                yield content
                n_chars += len(content)
                if n_chars + told.n_unseen_chars > _CHARS_BESIDES + _CHARS_A_TOKEN * self._max_output_tokens:
                    told.finish = "length"
                    return

    def _events(self, reply: Reply, told: Told) -> Iterator[str]:
        for line in reply.lines():
            name, _, data = line.partition(":")
            if line.startswith("{") or name == "error":  # an error between the events, or in place of them
                data = line if line.startswith("{") else json.dumps({"error": data})
            elif name != "data":
                continue
            if data.strip() == "[DONE]":
                told.finish = told.finish or "stop"
                return
            yield self._taken(parsed(data, self.server.address), told)
        if not told.finish:
            raise self.server.broken_off()

    def _taken(self, value: dict[str, Any], told: Told) -> str:
        if value.get("error"):
            raise self.server.failed(value["error"])
        try:
            return told.take(value)
        except ValueError as error:
            raise GeneratorUnavailable(
                f"cannot use the reply of `{self.server.address}`: it is no chat completion. Check that generator.base_url "
                "ends in the API's root, mostly `/v1`."
            ) from error

    def _require_whole_prompt(self, messages: Sequence[dict[str, str]], told: Told) -> None:
        """Some servers cut a prompt that is longer than their context, in silence: then the passages are gone, or the rules."""
        least = least_tokens(messages)
        if told.prompt_tokens and told.prompt_tokens < least:
            raise GeneratorUnavailable(
                f"generator `{self.server.address}` cut the prompt in silence: it read {told.prompt_tokens:,} tokens of at "
                f"least {least:,}. Start it with a larger context (Ollama: OLLAMA_CONTEXT_LENGTH=16384), or lower "
                "generator.max_prompt_tokens."
            )

    def _empty(self, told: Told, guard: ContentGuard) -> GeneratorUnavailable:
        """The error for a reply without an answer, by what there is in its place."""
        begun = f"generator `{self.server.address}` gave no answer: "
        if told.finish == "length":
            return GeneratorUnavailable(
                begun
                + f"its {self._max_output_tokens:,} tokens were used up before one. Raise generator.max_output_tokens, or "
                'set generator.reasoning_effort = "low".'
            )
        if guard.has_content:
            return self._leaked()
        if told.calls:
            return GeneratorUnavailable(begun + "it called a tool though none is offered. Check the server's chat template.")
        return GeneratorUnavailable(begun + "the reply is empty. Check the server's log and chat template.", wait_s=0.0)

    def _leaked(self) -> GeneratorUnavailable:
        return GeneratorUnavailable(
            f"cannot use the reply of `{self.server.address}`: it is reasoning in the place of an answer. Have the server "
            "parse the model's channels: the files in configs/ say how, `rag doctor --generator` tells."
        )

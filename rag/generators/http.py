"""HTTP to a server that runs a model: every reply is bounded in bytes and time, every failure is told in our words.

It knows nothing of prompts and answers. What a server says of its failure is passed on in one short line: without the key,
without control tokens, and without what the model wrote, which may be reasoning.
"""

import itertools
import json
import os
import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from rag.errors import GeneratorError, GeneratorUnavailable
from rag.outgoing import plain

_MAX_WAIT_S = 10.0
_FIRST_WAIT_S = 1.0
_CONNECT_S = 10.0
_MAX_SAID_CHARS = 200
_MAX_REFUSAL_BYTES = 65_536
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_NO_CONTEXT = re.compile(
    r"context (?:length|size|window)|exceed_context|maximum context|prompt is too long|too many tokens", re.I
)
_NO_MEMORY = re.compile(r"out of memory|\bOOM\b|cannot allocate|failed to allocate|more system memory", re.I)
_NO_MODEL = re.compile(r"model.{0,120}(?:not found|does not exist|is not loaded)|model_not_found|pinned to", re.I | re.S)
_NO_FIELD = re.compile(
    r"unexpected|unknown|unrecogni[sz]ed|unsupported|extra (?:fields|inputs)|not (?:permitted|supported)", re.I
)
# A grammar does not know every schema, and some servers have none.
_NO_FORMAT = re.compile(r"grammar|json.?schema|response_format|structured.?output|guided", re.I)
# From here on a message about malformed output repeats the output.
_OUTPUT = re.compile(r"<\||</?think|\b(?:analysis|commentary)(?=[A-Z])|(?<=\bat pos )\d+:")
# Ollama's models without a template for tools, vLLM without a parser of calls, llama.cpp without --jinja.
_NO_TOOLS = re.compile(r"support tools|tool.?choice|tool.?call.?parser|tools param", re.I)
Item = TypeVar("Item")


class FieldRefused(GeneratorUnavailable):
    """The server refuses a field of the request that other servers take."""


class Reply:
    """A reply of which the head has come. The rest is read once, as a whole or by lines.

    Raises, while it is read: TimeoutError after the time that was set; GeneratorUnavailable when it is over its size.
    """

    def __init__(self, response: httpx.Response, address: str, deadline: float, max_bytes: int) -> None:
        self._response = response
        self._address = address
        self._deadline = deadline
        self._max_bytes = max_bytes

    @property
    def is_stream(self) -> bool:
        """True for server-sent events."""
        return "text/event-stream" in self._response.headers.get("content-type", "")

    def lines(self) -> Iterator[str]:
        """Lines as they come. Only a line feed ends one: the other separators of Unicode may stand in JSON."""
        rest = bytearray()
        for some in self._bytes():
            rest += some
            *whole, last = rest.split(b"\n")
            yield from (line.decode("utf-8", "replace").rstrip("\r") for line in whole)
            rest = bytearray(last)
        if rest:
            yield rest.decode("utf-8", "replace")

    def json(self) -> dict[str, Any]:
        """The whole as an object.

        Raises: GeneratorUnavailable when it is none.
        """
        return parsed(b"".join(self._bytes()), self._address)

    def _bytes(self) -> Iterator[bytes]:
        n_bytes = 0
        for some in self._response.iter_bytes():
            n_bytes += len(some)
            if time.monotonic() > self._deadline:
                raise TimeoutError
            if n_bytes > self._max_bytes:
                raise GeneratorUnavailable(
                    f"generator `{self._address}` does not stop: its reply is over {self._max_bytes:,} bytes. Check that it "
                    "obeys the limit of tokens (generator.max_output_tokens), and its log."
                )
            yield some


class Server:
    """The connection to one server. The key is read from the environment when it is needed, unless it is given."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str = "",
        api_key_env: str = "RAG_API_KEY",
        retries: int = 1,
        remedy: str = "Start the server, or set generator.base_url.",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Nothing is sent yet. `remedy`: what to do when nobody answers. `transport` replaces the network in tests."""
        self.base_url = base_url.rstrip("/")
        self.address = re.sub(r"//[^/@]*@", "//", self.base_url)  # as it may be shown: without a password
        self._api_key = api_key
        self._api_key_env = api_key_env
        self._retries = retries
        self._remedy = remedy
        self._transport = transport

    @contextmanager
    def opened(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, timeout_s: float, max_bytes: int = 1_000_000
    ) -> Iterator[Reply]:
        """A reply that was not refused. `timeout_s` bounds all of it.

        Raises: TimeoutError; GeneratorUnavailable; GeneratorError when key, path, model or address are wrong.
        """
        deadline = time.monotonic() + timeout_s
        key = self._key()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S))
        try:
            with (
                # A server in this process is never behind the proxy that the environment names.
                httpx.Client(
                    timeout=timeout, transport=self._transport, headers=headers, trust_env=not self._api_key
                ) as client,
                client.stream(method, self.base_url + path, json=body) as response,
            ):
                if response.status_code != 200:
                    raise self._refusal(response, path, deadline)
                yield Reply(response, self.address, deadline, max_bytes)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise GeneratorUnavailable(
                f"cannot reach generator `{self.address}`: {self.said(str(error)) or 'no connection'}. {self._remedy}",
                wait_s=_FIRST_WAIT_S,
            ) from error
        except httpx.TimeoutException as error:
            raise TimeoutError from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError) as error:
            raise GeneratorError(
                f"cannot reach generator `{self.address}`: {self.said(str(error))}. Set generator.base_url to an address such "
                "as `http://127.0.0.1:8080/v1`."
            ) from error
        except httpx.HTTPError as error:
            raise self.broken_off(self.said(str(error))) from error

    def retried(self, once: Callable[[], Generator[Item, None, None]]) -> Generator[Item, None, None]:
        """What `once` gives, begun anew after a failure that may pass, as long as nothing was given."""
        for n_tries in itertools.count(1):
            has_given = False
            try:
                with closing(once()) as items:
                    for item in items:
                        has_given = True
                        yield item
                return
            except GeneratorUnavailable as error:
                if has_given or n_tries > self._retries or error.wait_s is None or error.wait_s > _MAX_WAIT_S:
                    raise
                wait_s = min(error.wait_s * 2 ** (n_tries - 1), _MAX_WAIT_S)
            time.sleep(wait_s)

    def said(self, text: str) -> str:
        """What the server says of its failure, on one line and short."""
        text = _OUTPUT.split(_message_in(text), maxsplit=1)[0]
        key = self._key()
        return " ".join(plain(text.replace(key, "***") if key else text).split())[:_MAX_SAID_CHARS].rstrip(" .")

    def failed(self, said: object) -> GeneratorUnavailable:
        """The error for a failure that the server tells of in a reply that began well."""
        text = self.said(json.dumps(said) if isinstance(said, dict) else str(said))
        return GeneratorUnavailable(f"generator `{self.address}` failed: {text}. {_remedy_for(text)}")

    def broken_off(self, why: str = "") -> GeneratorUnavailable:
        """The error for a reply without its end."""
        because = f": {why}" if why else ""
        return GeneratorUnavailable(
            f"generator `{self.address}` broke off in the middle of its reply{because}. Check the server's log.",
            wait_s=_FIRST_WAIT_S,
        )

    def too_slow(self, timeout_s: float) -> GeneratorUnavailable:
        """The error for a reply that did not end in time."""
        return GeneratorUnavailable(
            f"generator `{self.address}` did not answer within {timeout_s:g} s. Raise generator.timeout_s, or check the "
            "server's load."
        )

    def _key(self) -> str:
        return self._api_key or os.environ.get(self._api_key_env, "")

    def _refusal(self, response: httpx.Response, path: str, deadline: float) -> GeneratorError:
        status = response.status_code
        whole = b"".join(Reply(response, self.address, deadline, _MAX_REFUSAL_BYTES)._bytes()).decode("utf-8", "replace")
        said = self.said(whole)
        told = f"generator `{self.address}` refused the request: HTTP {status} {said}".rstrip() + ". "
        if status in (401, 403):
            return GeneratorError(told + f"Set the key in the environment variable {self._api_key_env}.")
        if status == 404 or (status < 500 and _NO_MODEL.search(whole)):
            return GeneratorError(
                told + f"Check generator.model, and that generator.base_url and generator.runtime fit the server: `{path}` is "
                "added to the address."
            )
        if 300 <= status < 400:
            return GeneratorError(told + "It points elsewhere: set generator.base_url to the API itself.")
        if (status in (400, 422) and _NO_FIELD.search(said)) or _NO_FORMAT.search(said) or _NO_TOOLS.search(said):
            return FieldRefused(told + "Check the server's version and its log.")
        can_pass = status in _BUSY and not (_NO_MEMORY.search(said) or _NO_CONTEXT.search(said))
        wait_s = _wait_of(response.headers.get("retry-after", "")) if can_pass else None
        return GeneratorUnavailable(told + _remedy_for(said, wait_s), wait_s=wait_s)


def parsed(text: str | bytes, address: str) -> dict[str, Any]:
    """JSON of a server as an object; an empty one where it is another value.

    Raises: GeneratorUnavailable when it is no JSON.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GeneratorUnavailable(
            f"cannot use the reply of `{address}`: it is not JSON. Check that generator.base_url ends in the API's root, "
            "mostly `/v1`."
        ) from error
    return value if isinstance(value, dict) else {}


def _remedy_for(said: str, wait_s: float | None = None) -> str:
    if _NO_CONTEXT.search(said):
        return "Start it with a larger context, or lower generator.max_prompt_tokens and generator.max_output_tokens."
    if _NO_MEMORY.search(said):
        return "Give the server a smaller context or model, or more memory."
    if wait_s is not None and wait_s > _MAX_WAIT_S:
        return f"It asks to wait {wait_s:.0f} s: ask again later."
    return "Check the server's load and its log."


def _wait_of(header: str) -> float:
    """Seconds that a server asks to wait (RFC 9110, 10.2.3)."""
    if header.strip().isdigit():
        return float(header)
    try:
        return max(parsedate_to_datetime(header).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return _FIRST_WAIT_S


def _message_in(text: str) -> str:
    """The message in the JSON of an error, in whichever of its forms; the text itself where it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    while isinstance(value, dict):
        value = next((value[name] for name in ("error", "message", "detail") if value.get(name)), "")
    return value if isinstance(value, str) else json.dumps(value)

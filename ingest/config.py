"""Configuration: TOML file, environment, flags. One file serves `ingest` and `rag`; each reads the tables that it owns.

Order: flag, environment, file, default. An environment variable is `RAG_` + table + `__` + key, such as
`RAG_EMBEDDER__MODEL`. An unknown key is an error that names the file and the key.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingest.chunker import ChunkerSettings
from ingest.embedder import PACKAGED, Embedder, Precision, SentenceTransformerEmbedder
from ingest.errors import ConfigError
from ingest.limits import ReadLimits
from ingest.universal import UNIVERSAL, CombinedEmbedder, UniversalEmbedder

COMBINED = f"{PACKAGED}+{UNIVERSAL.removeprefix('packaged:')}"
# Tables that the query side reads from the same file.
_TABLES_OF_OTHERS = ("retriever", "generator", "checker", "answer", "server", "auth", "access", "monitor")
_ENVIRONMENT_PREFIX = "RAG_"


class Section(BaseModel):
    """A table of the configuration file; keys that it does not name are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreConfig(Section):
    """Where the store lies."""

    path: Path = Path("data/store")


class EmbedderConfig(Section):
    """Which model embeds, and how."""

    model: str = COMBINED
    device: str = "auto"
    precision: Precision = "auto"
    batch_size: int = Field(default=32, ge=1, le=4096)
    query_prefix: str = ""
    text_prefix: str = ""
    languages: tuple[str, ...] | None = None

    def embedder(self) -> Embedder:
        """Return the embedder that this table describes; nothing is loaded yet."""
        if self.model == UNIVERSAL:
            return UniversalEmbedder()
        return (
            CombinedEmbedder(self._model(PACKAGED), UniversalEmbedder()) if self.model == COMBINED else self._model(self.model)
        )

    def _model(self, name: str) -> SentenceTransformerEmbedder:
        return SentenceTransformerEmbedder(
            name,
            device=self.device,
            precision=self.precision,
            batch_size=self.batch_size,
            query_prefix=self.query_prefix,
            text_prefix=self.text_prefix,
            languages=self.languages,
        )


class LoaderConfig(Section):
    """What reading one file may take."""

    workers: int = Field(default=0, ge=0, le=256)
    timeout_s: float = Field(default=300.0, gt=0, le=86_400)
    max_memory_mb: int = Field(default=1024, ge=128, le=1_048_576)
    max_text_chars: int = Field(default=50_000_000, ge=1)

    def limits(self) -> ReadLimits:
        """Return the limits as reading takes them."""
        return ReadLimits(**self.model_dump())


class ChunkerConfig(Section):
    """Sizes of chunks in the embedder's tokens."""

    max_tokens: int = Field(default=200, ge=16, le=8192)
    max_words: int = Field(default=240, ge=16, le=8192)
    min_tokens: int = Field(default=60, ge=0, le=8192)
    max_context_tokens: int = Field(default=40, ge=0, le=512)

    def settings(self) -> ChunkerSettings:
        """Return the settings as the chunker takes them."""
        return ChunkerSettings(**self.model_dump())


class IngestConfig(BaseModel):
    """The tables that ingestion owns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: StoreConfig = StoreConfig()
    loader: LoaderConfig = LoaderConfig()
    embedder: EmbedderConfig = EmbedderConfig()
    chunker: ChunkerConfig = ChunkerConfig()


Config = TypeVar("Config", bound=BaseModel)


def load_config(model: type[Config], file: Path | None, flags: Mapping[str, Mapping[str, Any]] | None = None) -> Config:
    """Read the configuration into `model`.

    `flags`: table -> key -> value given on the command line; None values count as not given.
    Raises: ConfigError naming the file or variable, the key, and what is wrong with it.
    """
    tables = _read_file(file) if file is not None else {}
    sources = {(table, key): f"`{file}`" for table, keys in tables.items() if isinstance(keys, dict) for key in keys}
    for table, key, value, variable in _environment(model):
        tables.setdefault(table, {})[key] = value
        sources[table, key] = f"environment variable `{variable}`"
    for table, keys in (flags or {}).items():
        for key, value in keys.items():
            if value is not None:
                tables.setdefault(table, {})[key] = value
                sources[table, key] = "the command line"
    owned = {table: keys for table, keys in tables.items() if table in model.model_fields or table not in _TABLES_OF_OTHERS}
    try:
        return model.model_validate(owned)
    except ValidationError as error:
        first = error.errors()[0]
        place = [str(part) for part in first["loc"]]
        where = sources.get((place[0], place[1] if len(place) > 1 else ""), f"`{file}`" if file else "the configuration")
        if first["type"] == "extra_forbidden":
            raise ConfigError(
                f"cannot use key `{'.'.join(place)}` of {where}: there is no such key. configs/default.toml lists them all."
            ) from error
        raise ConfigError(
            f"cannot use `{'.'.join(place[:2])}` of {where}: {first['msg']}. configs/default.toml says what it takes."
        ) from error


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read configuration `{file}`: {error.strerror}. Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read configuration `{file}`: {error}. Correct the TOML.") from error


def _environment(model: type[BaseModel]) -> list[tuple[str, str, Any, str]]:
    """Values that environment variables give for the tables of `model`; numbers and lists are read as TOML values."""
    found = []
    for variable, raw in os.environ.items():
        table, separator, key = variable.removeprefix(_ENVIRONMENT_PREFIX).lower().partition("__")
        if not variable.startswith(_ENVIRONMENT_PREFIX) or not separator or table not in model.model_fields:
            continue
        try:
            value = tomllib.loads(f"value = {raw}")["value"]
        except tomllib.TOMLDecodeError:
            value = raw
        found.append((table, key, value, variable))
    return found

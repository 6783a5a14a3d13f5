"""Read broken files by the thousand in worker processes and tell what no user should meet.

    python tests/tools/fuzz_loaders.py [--folder DIR] [--rounds 20] [--seed 0] [--timeout-s 20] [--keep DIR]

Without --folder the seeds are the sample folder and small files of every other format, each in `rounds` broken versions: bytes
flipped, cut out, put in and repeated, in packages also inside of their parts. With --folder the files of a folder are read as
they are, and then, with --rounds given, broken too. What ends its process, passes a limit or meets a fault of this program is
told, and kept in the folder of --keep. Exit status: 1 if there was any.
"""

import argparse
import collections
import io
import json
import random
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from ingest.containers import ARCHIVES, suffix_of
from ingest.errors import LimitPassed, LoadError, ReadInterrupted
from ingest.limits import ReadLimits
from ingest.loaders import SUFFIXES
from ingest.readers import Readers
from ingest.reading import Outcome, Request, Unpacked
from tests.unit.test_hostile_files import FILES

SAMPLE = Path(__file__).resolve().parent.parent.parent / "data" / "sample"
_TELLING = [b"\0", b"\xff", b"<", b">", b"&", b"{", b"}", b"[", b"(", b"%", b"-1", b"99999999999", b"/", b"\n", b"9" * 5000]
_BATCH = 400


def broken(data: bytes, chance: random.Random) -> bytes:
    """The same bytes with a few things done to them; inside of a part where they are a package."""
    if data.startswith(b"PK\x03\x04") and chance.random() < 0.8:
        return _broken_package(data, chance)
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place = chance.randrange(len(changed) + 1)
        length = chance.choice((1, 1, 2, 8, 100, 1000))
        match chance.randrange(6):
            case 0 if place < len(changed):
                changed[place] ^= 1 << chance.randrange(8)
            case 1:
                del changed[place : place + length]
            case 2:
                changed[place:place] = chance.choice(_TELLING)
            case 3:
                changed[place:place] = changed[place : place + length] * chance.choice((1, 2, 50))
            case 4:
                changed[place : place + length] = chance.randbytes(length)
            case 5 if chance.random() < 0.2:
                del changed[place:]
    return bytes(changed)


def _broken_package(data: bytes, chance: random.Random) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        names = source.namelist()
        chosen = chance.sample(names, k=min(len(names), chance.choice((1, 1, 2))))
        for name in names:
            content = source.read(name)
            if name in chosen and chance.random() < 0.1:
                continue
            target.writestr(name, broken(content, chance) if name in chosen and content else content)
    return buffer.getvalue()


def main() -> int:
    """Read everything, a batch at a time, and print what was met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout-s", type=float, default=20.0)
    parser.add_argument("--max-memory-mb", type=int, default=512)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    limits = ReadLimits(timeout_s=options.timeout_s, max_memory_mb=options.max_memory_mb)
    counts: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        batch: list[Request] = []
        for name, data in _cases(options.folder, options.rounds, options.seed):
            path = Path(folder) / f"{len(batch)}{suffix_of(name)}"
            path.write_bytes(data)
            batch.append(Request(name, path, len(data), limits))
            if len(batch) == _BATCH:
                _read(batch, limits, counts, options.keep)
                batch = []
        _read(batch, limits, counts, options.keep)
    print(json.dumps(counts))
    return int(counts["met"] > 0)


def _cases(folder: Path | None, rounds: int | None, seed: int) -> Iterator[tuple[str, bytes]]:
    if folder is None:
        paths = sorted(path for path in SAMPLE.rglob("*") if path.is_file())
        seeds = {path.name: path.read_bytes() for path in paths} | FILES
        rounds = 20 if rounds is None else rounds
    else:
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and suffix_of(path.name) in SUFFIXES | ARCHIVES)
        seeds = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        yield from seeds.items()
    for name, data in seeds.items():
        chance = random.Random(f"{seed} {name}")
        for number in range(rounds or 0):
            yield f"{number}-{name.replace('/', '-')}", broken(data, chance)


def _read(batch: list[Request], limits: ReadLimits, counts: collections.Counter[str], keep: Path | None) -> None:
    with Readers(batch, limits) as readers:
        for request, tellings in readers:
            for told in tellings:
                if isinstance(told, Outcome | Unpacked):
                    counts["read" if told.error is None else "refused"] += 1
                    if _is_bad(told.error):
                        counts["met"] += 1
                        print(f"{getattr(told, 'name', request.name)}: {told.error}", flush=True)
                        if keep is not None:
                            keep.mkdir(parents=True, exist_ok=True)
                            (keep / request.name.replace("/", "-")).write_bytes(request.path.read_bytes())
            if readers.seconds > limits.timeout_s / 2:
                print(f"{request.name}: took {readers.seconds:.0f} s", flush=True)


def _is_bad(error: LoadError | None) -> bool:
    told = str(error or "")
    return isinstance(error, LimitPassed | ReadInterrupted) or told.startswith(("met a fault", "broke the program"))


if __name__ == "__main__":
    sys.exit(main())

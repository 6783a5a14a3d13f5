"""Read the lines of batch files: questions, conversations, pairs to check, answers. A bad line is an error of its own."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import InputError


@dataclass(frozen=True)
class Job:
    """One line of a questions file: its question, the turns before it, and its id."""

    identity: str | None
    question: str
    turns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Labelled:
    """A question with what is known of its answer: "answerable", "answers", "gold", and the rest of its line."""

    job: Job
    label: Mapping[str, Any]


@dataclass(frozen=True)
class Pair:
    """One line of a pairs file: an answer and the sources, as (id, text), to check it against."""

    identity: str | None
    answer: str
    sources: list[tuple[str, str]]
    question: str | None = None


@dataclass(frozen=True)
class Kept:
    """An answer object that somebody kept."""

    identity: str | None
    answer: dict[str, Any]


def read_questions(file: Path) -> Iterator[Job | InputError]:
    """Give the jobs of a questions file; an InputError stands for a line that is none.

    Raises: InputError when the file itself cannot be read.
    """
    for number, line in _read_lines(file):
        yield line if isinstance(line, InputError) else _job(line, number)


def read_labelled(file: Path) -> list[Labelled]:
    """Read a questions file in which every line also says what is known of the answer.

    Raises: InputError for the file, or for the first line that is not in that form.
    """
    found = []
    for number, line in _read_lines(file):
        if isinstance(line, InputError):
            raise line
        job = _job(line, number)
        if isinstance(job, InputError):
            raise job
        label = {"answers": [], "gold": [], **line, "question": job.question}
        if fault := _label_fault(label):
            raise InputError(f"cannot use line {number} of `{file}`: {fault}", job.identity)
        found.append(Labelled(job, label))
    return found


def read_pairs(file: Path) -> Iterator[Pair | InputError]:
    """Give the pairs of a pairs file; an InputError stands for a line that is none.

    Raises: InputError when the file itself cannot be read.
    """
    for number, line in _read_lines(file):
        yield line if isinstance(line, InputError) else _pair(line, number)


def read_answers(file: Path) -> list[Kept | InputError]:
    """Give the answers of a file: one object, however it is laid out, or one a line; `-` is the standard input.

    An InputError stands for a line that is none. Raises: InputError when there is no answer in the file at all.
    """
    text = _read_text(file)
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    numbered = [(1, whole)] if isinstance(whole, dict) else list(_lines(text, file))
    found = [line if isinstance(line, InputError) else _kept(line, number) for number, line in numbered]
    if not any(isinstance(item, Kept) for item in found):
        why = next((str(item) for item in found), "it is empty.")
        raise InputError(f"cannot verify `{file}`: no answer in it: {why}")
    return found


def _read_lines(file: Path) -> Iterator[tuple[int, dict[str, Any] | InputError]]:
    yield from _lines(_read_text(file), file)


def _read_text(file: Path) -> str:
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"cannot read `{file}`: {why}. Name a JSONL file.") from error


def _lines(text: str, file: Path) -> Iterator[tuple[int, dict[str, Any] | InputError]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, InputError(f"line {number} of `{file}` is not JSON: {error}. Correct it.")
            continue
        is_object = isinstance(value, dict)
        yield number, value if is_object else InputError(f"line {number} of `{file}` is no JSON object. Write one a line.")


def _job(line: dict[str, Any], number: int) -> Job | InputError:
    if isinstance(line.get("question"), str):
        return Job(_identity(line), line["question"])
    turns = line.get("turns")
    if isinstance(turns, list) and turns and all(_is_turn(turn) for turn in turns):
        pairs = tuple((str(turn["role"]), str(turn["text"])) for turn in turns)
        return Job(_identity(line), pairs[-1][1], pairs[:-1])
    return InputError(
        f'line {number} holds no question: write "question": "..." or "turns": [{{"role", "text"}}, ...].', _identity(line)
    )


def _label_fault(label: Mapping[str, Any]) -> str:
    """What is wrong with a label, empty if nothing is."""
    if not isinstance(label.get("answerable"), bool):
        return 'it does not say whether the documents answer it. Write "answerable": true or false.'
    answers, gold = label["answers"], label["gold"]
    if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        return '"answers" must be a list of texts. Write "answers": ["..."], or [] for none.'
    if not isinstance(gold, list) or not all(_is_gold(item) for item in gold):
        return '"gold" must be a list of places. Write "gold": [{"document": "...", "start": 0, "end": 9}], or [] for none.'
    if not isinstance(label.get("lang", ""), str) or not isinstance(label.get("about", {}), dict):
        return '"lang" must be a code such as "en", and "about" a place such as a gold item.'
    if not label["answerable"] and answers:
        return 'it has "answers" but says that the documents do not answer it. Correct one of both.'
    return ""


def _pair(line: dict[str, Any], number: int) -> Pair | InputError:
    answer, sources, question = line.get("answer"), line.get("sources"), line.get("question")
    if not isinstance(answer, str):
        return InputError(f'line {number} has no "answer". Write "answer": "..." with the text to check.', _identity(line))
    if not isinstance(sources, list) or not all(isinstance(s, dict) and isinstance(s.get("text"), str) for s in sources):
        return InputError(
            f'line {number} has no "sources". Write "sources": [{{"id": "s1", "text": "..."}}], or [] for none.',
            _identity(line),
        )
    pairs = [(str(source.get("id", f"s{index}")), source["text"]) for index, source in enumerate(sources, start=1)]
    return Pair(_identity(line), answer, pairs, question if isinstance(question, str) else None)


def _kept(line: dict[str, Any], number: int) -> Kept | InputError:
    if isinstance(line.get("text"), str) and isinstance(line.get("claims"), list):
        return Kept(_identity(line), line)
    return InputError(f"line {number} holds no answer. Give the object that `rag ask --json` printed.", _identity(line))


def _identity(line: dict[str, Any]) -> str | None:
    return None if line.get("id") is None else str(line["id"])


def _is_gold(item: Any) -> bool:
    places = [item.get("start"), item.get("end")] if isinstance(item, dict) else []
    return bool(places) and isinstance(item.get("document"), str) and all(p is None or isinstance(p, int) for p in places)


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and isinstance(turn.get("text"), str) and isinstance(turn.get("role"), str)

"""Read the lines of batch files: questions, conversations, pairs to check, answers. A bad line is an error of its own."""

import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from rag.errors import InputError
from rag.values import is_text

# Source: the MTRAG benchmark. What is underspecified calls for a question back, which counts as no answer.
_ANSWERABILITY = {"ANSWERABLE": True, "PARTIAL": True, "UNANSWERABLE": False, "UNDERSPECIFIED": False}

_GZIP = b"\x1f\x8b"  # how such a file begins, whatever its name; no text does


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
class LabelledPair:
    """A pair with what people say of it: "label", "spans", "task", and the rest of its line."""

    job: Pair
    label: Mapping[str, Any]


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
    for item in labelled_questions(file):
        if isinstance(item, InputError):
            raise item
        found.append(item)
    return found


def labelled_questions(file: Path) -> Iterator[Labelled | InputError]:
    """Give the questions of a file with their labels; an InputError stands for a line that cannot be used.

    A question that has answers or gold is answerable even if its line does not say so. "answerability" and "targets" are
    read as "answerable" and "answers"; what is UNDERSPECIFIED is marked "underspecified".

    Raises: InputError when the file itself cannot be read.
    """
    for number, line in _read_lines(file):
        yield line if isinstance(line, InputError) else _labelled(line, number, file)


def labelled_pairs(file: Path) -> Iterator[LabelledPair | InputError]:
    """Give the pairs of a file with their labels; an InputError stands for a line that cannot be used.

    Raises: InputError when the file itself cannot be read.
    """
    for number, line in _read_lines(file):
        yield line if isinstance(line, InputError) else _labelled_pair(line, number, file)


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
        is_packed = file.suffix == ".gz" or raw.startswith(_GZIP)
        return (gzip.decompress(raw) if is_packed else raw).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        why = (
            "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else getattr(error, "strerror", None) or "it is damaged"
        )
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
        if not isinstance(value, dict):
            yield number, InputError(f"line {number} of `{file}` is no JSON object. Write one a line.")
        elif "\\u" in line and not is_text(value):
            yield number, InputError(f"line {number} of `{file}` holds half a character (a lone surrogate). Correct it.")
        else:
            yield number, value


def _job(line: dict[str, Any], number: int) -> Job | InputError:
    """A question with the turns before it; without a `question` the last of the `turns` is it."""
    question, turns = line.get("question"), line.get("turns", [])
    if isinstance(turns, list) and all(_is_turn(turn) for turn in turns):
        pairs = tuple((str(turn["role"]), str(turn["text"])) for turn in turns)
        if isinstance(question, str):
            return Job(_identity(line), question, pairs[:-1] if pairs and pairs[-1][1] == question else pairs)
        if pairs:
            return Job(_identity(line), pairs[-1][1], pairs[:-1])
    return InputError(
        f'line {number} holds no question: write "question": "..." or "turns": [{{"role", "text"}}, ...].', _identity(line)
    )


def _labelled(line: dict[str, Any], number: int, file: Path) -> Labelled | InputError:
    job = _job(line, number)
    if isinstance(job, InputError):
        return job
    label = _label(line, job)
    fault = _label_fault(label)
    return InputError(f"cannot use line {number} of `{file}`: {fault}", job.identity) if fault else Labelled(job, label)


def _labelled_pair(line: dict[str, Any], number: int, file: Path) -> LabelledPair | InputError:
    pair = _pair(line, number)
    if isinstance(pair, InputError):
        return pair
    label = {"spans": [], **line}
    fault = _pair_fault(label)
    return InputError(f"cannot use line {number} of `{file}`: {fault}", pair.identity) if fault else LabelledPair(pair, label)


def _label(line: dict[str, Any], job: Job) -> dict[str, Any]:
    label = {"answers": line.get("targets", []), "gold": [], **line, "question": job.question}
    kind = label.get("answerability")
    if "answerable" not in label and kind in _ANSWERABILITY:
        label |= {"answerable": _ANSWERABILITY[kind], "underspecified": kind == "UNDERSPECIFIED"}
        label["answers"] = label["answers"] if label["answerable"] else []
    if "answerable" not in label and (label["answers"] or label["gold"]):
        label["answerable"] = True
    return label


def _label_fault(label: Mapping[str, Any]) -> str:
    """What is wrong with a label, empty if nothing is."""
    if not isinstance(label.get("answerable"), bool):
        return 'it does not say whether the documents answer it. Write "answerable": true or false.'
    answers, gold = label["answers"], label["gold"]
    if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        return '"answers" must be a list of texts. Write "answers": ["..."], or [] for none.'
    if not isinstance(gold, list) or not all(_is_gold(item) for item in gold):
        return '"gold" must be a list of places. Write "gold": [{"document": "...", "start": 0, "end": 9}], or [] for none.'
    if fault := next(filter(None, map(_place_fault, gold)), ""):
        return fault
    candidates = label.get("candidates", [])
    if not isinstance(candidates, list) or not all(isinstance(name, str) for name in candidates):
        return '"candidates" must be a list of documents. Write "candidates": ["..."].'
    if not isinstance(label.get("lang", ""), str) or not isinstance(label.get("about", {}), dict):
        return '"lang" must be a code such as "en", and "about" a place such as a gold item.'
    if not label["answerable"] and (answers or gold):
        what = '"answers"' if answers else '"gold"'
        return f"it has {what} but says that the documents do not answer it. Correct one of both."
    return ""


def _pair_fault(label: Mapping[str, Any]) -> str:
    """What is wrong with the label of a pair, empty if nothing is."""
    if label.get("label") not in ("supported", "unsupported"):
        return 'it does not say what is right. Write "label": "supported" or "unsupported".'
    spans = label["spans"]
    if not isinstance(spans, list) or not all(_is_span(span, len(label["answer"])) for span in spans):
        return '"spans" must be a list of ranges in the answer. Write "spans": [{"start": 0, "end": 9}], or [] for none.'
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
    if not isinstance(item, dict) or not isinstance(item.get("document"), str):
        return False
    places = [item.get("start"), item.get("end"), item.get("page")]
    return all(place is None or _is_number(place) for place in places) and isinstance(item.get("set"), int | str | None)


def _place_fault(item: Mapping[str, Any]) -> str:
    """What is wrong with the numbers of a gold item, empty if nothing is: no search finds what lies nowhere."""
    start, end, page = item.get("start"), item.get("end"), item.get("page")
    where = f"`{item['document']}`"
    if (start is None) != (end is None):
        return f'"gold" in {where} has only one of "start" and "end". Write both, or none where the place is not known.'
    if start is not None and end is not None and not 0 <= start < end:
        return f'"gold" in {where} goes from {start} to {end}. "start" counts from 0, and "end" must lie behind it.'
    if page is not None and page < 1:
        return f'"gold" in {where} is on page {page}. Pages count from 1.'
    return ""


def _is_number(value: Any) -> TypeGuard[int]:
    """True for whole numbers; JSON's true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_span(span: Any, length: int) -> bool:
    if not isinstance(span, dict):
        return False
    start, end = span.get("start"), span.get("end")
    return _is_number(start) and _is_number(end) and 0 <= start <= end <= length


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and isinstance(turn.get("text"), str) and isinstance(turn.get("role"), str)

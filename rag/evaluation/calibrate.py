"""`rag calibrate`: ask the labelled questions, grade the answers, and say what the threshold found costs and what it promises.

The choice itself is in `rag.calibration`. It knows nothing of the command line.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from ingest.errors import ConfigError
from rag.batch import Labelled
from rag.calibration import Choice, Record, Target, coverage_table, outcomes_at, rates
from rag.config import RagConfig, as_toml
from rag.errors import CalibrationError
from rag.evaluation.answers import document_of, grade, is_gradable
from rag.evaluation.rows import sampled
from rag.pipeline import Engine, consider, decide
from rag.questions import Options, checked_question

_FIRST_LINE = "# Written by `rag calibrate`"
_RATES = {
    "wrong_of_questions": "wrong, of all questions",
    "wrong_of_answers": "wrong, of the answers given",
    "answerable_abstained": "not answered, though it is in the documents",
    "unanswerable_answered": "answered, though it is not in the documents",
}
_NOT = (
    "Not guaranteed: anything about a single answer, or about one topic, one language or one kind of question taken by itself; "
    "questions of another kind or mix; other documents, models or settings. Right means that the wanted words stand in the "
    "answer or the wanted place is cited."
)
_COLUMNS = {"before": "as configured", "always": "nothing held back", "after": "with the threshold"}


def draw(questions: Sequence[Labelled], limit: int | None, max_chars: int) -> tuple[list[Labelled], int]:
    """The questions to ask, at most `limit`, drawn with a fixed seed; and the number of those that cannot be graded.

    Raises: QuestionError for a question that is empty or longer than `max_chars`; ConfigError for a limit below 1.
    """
    for question in questions:
        checked_question(question.job.question, max_chars)
    gradable = [question for question in questions if is_gradable(question.label)]
    return sampled(gradable, limit), len(questions) - len(gradable)


def ask_and_grade(engine: Engine, questions: Iterable[Labelled]) -> list[Record]:
    """Ask every question once, with nothing held back, and grade what comes.

    Raises: QuestionError, GeneratorError, StoreError.
    """
    records = []
    for question in questions:
        job, label = question.job, question.label
        considered = consider(engine, job.question, Options(job.turns, identity=job.identity))
        always, configured = (decide(engine, considered, least) for least in (0.0, engine.min_confidence))
        document = document_of(label)
        records.append(Record(always.confidence, grade(label, always), label["answerable"], document, grade(label, configured)))
    return records


def report(records: Sequence[Record], target: Target, choice: Choice, n_left_out: int) -> dict[str, Any]:
    """The result as one JSON object; `threshold` is null where none is proven, and then nothing is said of `after`."""
    policies = {"before": [record.configured for record in records], "always": outcomes_at(records, 0.0)}
    if choice.is_met:
        policies["after"] = outcomes_at(records, choice.threshold)
    found: dict[str, Any] = {
        "risk": target.risk,
        "of": target.of,
        "confidence": target.certainty,
        "threshold": choice.threshold if choice.is_met else None,
        "bound": round(choice.bound, 6),
        "n_needed": choice.n_needed,
        "n": len(records),
        "n_answerable": sum(record.answerable for record in records),
        "n_left_out": n_left_out,
        "n_groups": len({record.document for record in records}),
        "rates": {
            name: {rate: value and _rounded(asdict(value)) for rate, value in rates(records, outcomes).items()}
            for name, outcomes in policies.items()
        },
        "coverage": [_rounded(asdict(point)) for point in coverage_table(records)],
        "verdict": _verdict(choice, target),
    }
    if choice.is_met:
        found |= {"guarantee": guarantee(target), "assumes": _assumes(records, target), "not_guaranteed": _NOT}
    return found


def guarantee(target: Target) -> str:
    """What a proven threshold promises, in plain words."""
    share = f"{100 * target.risk:g} %"
    if target.certainty is None:
        return (
            f"Guaranteed: the next question gets a wrong answer with a probability of at most {share}, on average over the "
            "sets of questions that could have been drawn in the place of this one (conformal risk control). With this very "
            "set it may be somewhat more or less; --confidence asks for a bound that accounts for that."
        )
    what = "answers given are wrong" if target.of == "answers" else "questions get a wrong answer"
    how = "fixed-sequence testing with Clopper-Pearson bounds" if target.of == "answers" else "Clopper-Pearson bound"
    return (
        f"Guaranteed: with a certainty of {100 * target.certainty:g} %, over the draw of these questions, at most {share} of "
        f"the {what} ({how})."
    )


def _assumes(records: Sequence[Record], target: Target) -> str:
    n_groups = len({record.document for record in records})
    parts = [
        "Provided that: further questions come from where these came from, each drawn by itself and with the same share of "
        "questions that the documents do not answer; documents, models and settings stay the same.",
        f"Questions on one document hang together: these form {n_groups} groups, and the fewer they are, the less the "
        "guarantee is worth. The intervals take that into account, it does not.",
    ]
    if target.of == "answers":
        parts.append("It also takes for granted that answers of higher confidence are not more often wrong.")
    if all(record.answerable for record in records):
        parts.append("The documents answer every one of these questions: nothing is known of those that they do not answer.")
    return " ".join(parts)


def _verdict(choice: Choice, target: Target) -> str:
    if choice.is_met and choice.threshold == 0:
        return "Nothing needs to be held back: answer.min_confidence = 0.0"
    if choice.is_met:
        return f"Abstain below: answer.min_confidence = {choice.threshold}"
    more = (
        f"At that rate it would take about {choice.n_needed:,} questions."
        if choice.n_needed
        else "At that rate no number of questions would do: raise --risk, or improve the answers."
    )
    return (
        f"No threshold is proven to keep {100 * target.risk:g} %. The closest, {choice.threshold}, gives {choice.n_answers} "
        f"answer(s), {choice.n_wrong} of them wrong, which proves no better than {100 * choice.bound:.1f} %. {more}"
    )


def show_report(out: Console, result: Mapping[str, Any], written: Path | None) -> None:
    """Print the report for people, and what to do with the threshold; `written`: the file that holds it."""
    n_without = result["n"] - result["n_answerable"]
    out.print(f"{result['n']} questions: {result['n_answerable']} are answered in the documents, {n_without} are not.")
    if result["n_left_out"]:
        out.print(f"{result['n_left_out']} more left out: they have neither a short answer nor a gold span to grade by.")
    out.print()
    shown = [name for name in _COLUMNS if name in result["rates"]]
    out.print(f"{'percent [95 %]':45}" + "".join(f"{_COLUMNS[name]:>22}" for name in shown), markup=False)
    for rate, label in _RATES.items():
        cells = "".join(f"{_cell(result['rates'][name][rate]):>22}" for name in shown)
        out.print(f"{label:45}{cells}", markup=False)
    out.print("\nAnswering only the surest, percent:")
    out.print(f"{'answered':>10}{'from confidence':>18}{'wrong of answers':>20}{'wrong of questions':>20}")
    for point in result["coverage"]:
        out.print(
            f"{100 * point['coverage']:10.1f}{point['threshold']:18.4f}{100 * point['wrong_of_answers']:20.1f}"
            f"{100 * point['wrong_of_questions']:20.1f}"
        )
    for key in ("verdict", "guarantee", "assumes", "not_guaranteed"):
        if key in result:
            out.print(f"\n{textwrap.fill(result[key], 110)}", markup=False)
    if written is not None and result["threshold"] is not None:
        out.print(f"\nWritten to {written}. Use it with: rag ask QUESTION --config {written}", markup=False)
    elif result["threshold"] is not None:
        out.print(
            f"\nFor --config, the environment or --out:\n\n[answer]\nmin_confidence = {result['threshold']}", markup=False
        )


def require_free(file: Path) -> None:
    """Raises: ConfigError unless a configuration can be written to `file` without loss."""
    if not file.parent.is_dir():
        raise ConfigError(f"cannot write `{file}`: there is no folder `{file.parent}`. Make it, or change --out.")
    if file.exists() and not _is_own(file):
        raise ConfigError(f"cannot write `{file}`: it holds something else. Name another file with --out.")


def configuration(config: RagConfig, threshold: float, about: Sequence[str]) -> str:
    """A configuration file with the threshold and every other setting that was in force; `about` becomes its comments."""
    calibrated = config.model_copy(update={"answer": config.answer.model_copy(update={"min_confidence": threshold})})
    lines = [f"{_FIRST_LINE} on {datetime.now(UTC).date().isoformat()}: every setting in force that is not the default."]
    for text in about:
        lines += textwrap.wrap(text, 118, initial_indent="# ", subsequent_indent="# ")
    return "\n".join(lines) + "\n\n" + as_toml(calibrated)


def write_configuration(file: Path, text: str) -> None:
    """Write what `configuration` gave.

    Raises: CalibrationError when that fails.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CalibrationError(f"cannot write `{file}`: {error.strerror}. Name another file with --out.") from error


def _is_own(file: Path) -> bool:
    return file.is_file() and file.read_bytes().startswith(_FIRST_LINE.encode())


def _cell(rate: Mapping[str, float] | None) -> str:
    if rate is None:
        return "-"
    return f"{100 * rate['value']:.1f} [{100 * rate['low']:.1f}, {100 * rate['high']:.1f}]"


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}

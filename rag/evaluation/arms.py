"""One generator, one list of questions, three ways to answer: from memory, from passages, from passages with the check.

`closed`: the generator alone. `retrieved`: its draft from the passages, shown as it is. `checked`: the product; the very same
draft goes through the check. Right, wrong and abstained are told by the reference answers in the text. Unsupported claims are
those that the checker does not find supported by the passages retrieved for the question, in all arms the same way.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from ingest.errors import ConfigError
from rag.answers import Answer, Passage
from rag.batch import Job, Labelled
from rag.checker.check import check_answer
from rag.citations import parse_answer, strip_markers
from rag.config import RagConfig
from rag.drafts import evidence_of
from rag.errors import GeneratorError
from rag.evaluation.answers import document_of, grade, is_gradable
from rag.evaluation.asking import MAX_FAILURES, citations_of, places
from rag.evaluation.compare import difference_of
from rag.evaluation.results import head
from rag.evaluation.rows import Row, Values, digest, figures_of, named
from rag.generators import Request
from rag.pipeline import Engine, consider, decide
from rag.questions import Options

MEANING = (
    "Right means that a reference answer stands in the text; whether the rest is true is not looked at. An unsupported claim "
    "is one that the checker does not find supported by the passages retrieved for the question: it may be true all the "
    "same, and the checker errs. In the arm `checked` it judges what it let through itself, so few are left by construction: "
    "that figure says what the check keeps from the user, not that the rest is true. Right and wrong do not depend on the "
    "checker, but where it leaves nothing of the draft the product quotes from the passages, so part of what is right in "
    "`checked` is owed to the quotes."
)


def require_memory(config: RagConfig) -> None:
    """Raises: ConfigError for the quoting generator, which knows nothing but what it quotes."""
    if config.generator.kind == "quote":
        raise ConfigError(
            "cannot run --arms with generator `quote`: it has no memory to answer from. Name a language model, such as with "
            "--config configs/small-model.toml."
        )


def is_comparable(question: Labelled) -> bool:
    """True where the text of an answer alone tells whether it is right: a citation is out of reach of the arm `closed`."""
    return is_gradable(_by_text(question.label))


def examine_arms(
    engine: Engine, questions: Sequence[Labelled], arms: Sequence[str], notes: list[str]
) -> Iterator[dict[str, Any]]:
    """Give the row of each comparable question, its `values` by arm; one that the generator fails goes to `notes` instead.

    Raises: StoreError, CheckerError; GeneratorError when it fails at three questions in a row.
    """
    engine = replace(engine, policy="strict")
    n_failed = 0
    for name, question in zip(named(question.job.identity for question in questions), questions, strict=True):
        try:
            answers = _answers(engine, question.job, arms)
            n_failed = 0
        except GeneratorError as error:
            n_failed += 1
            if n_failed == MAX_FAILURES:
                raise
            notes.append(f"{name}: {error}")
            continue
        yield _row(engine, name, question, answers)


def _answers(engine: Engine, job: Job, arms: Sequence[str]) -> dict[str, Answer]:
    """The answer of each arm; `checked` comes first, for its draft is that of `retrieved`."""
    considered = consider(engine, job.question, Options(job.turns, identity=job.identity))
    checked = decide(engine, considered, engine.min_confidence)
    answers = {"checked": checked}
    if "retrieved" in arms:
        # The product may decline before it drafts anything; the bare model would have written all the same.
        passages = checked.passages
        draft = checked.draft or (_drafted(engine, checked, passages, job.turns) if passages else "")
        answers["retrieved"] = _as_answer(checked, draft)
    if "closed" in arms:
        answers["closed"] = _as_answer(checked, _drafted(engine, checked, (), job.turns))
    return {arm: answers[arm] for arm in arms}


def _row(engine: Engine, name: str, question: Labelled, answers: Mapping[str, Answer]) -> dict[str, Any]:
    job, label = question.job, _by_text(question.label)
    judged = {arm: _judged(engine, given) for arm, given in answers.items()}
    values = {arm: _values(label, given, judged[arm]) for arm, given in answers.items()}
    if "checked" in answers:
        values["checked"]["quoted instead of drafted"] = (float(answers["checked"].reason == "fallback_quotes"), 1.0)
    return {
        "id": name,
        "question": job.question,
        "digest": digest(job.question, job.turns, label["answerable"], label["answers"]),
        "cluster": document_of({"id": name, **question.label}),
        "answerable": label["answerable"],
        "expected": label["answers"],
        "passages": places(next(iter(answers.values())).passages),
        "values": values,
        "arms": {
            arm: {
                "text": given.text,
                "outcome": grade(label, given),
                "reason": given.reason,
                "n_claims": judged[arm][0],
                "unsupported": judged[arm][1],
                "citations": [{"document": c.document, "start": c.start, "end": c.end} for c in citations_of(given)],
            }
            for arm, given in answers.items()
        },
    }


def arms_result(rows: Sequence[Row], arms: Sequence[str], about: Mapping[str, Any], notes: Sequence[str]) -> dict[str, Any]:
    """The result: figures of each arm, and the paired differences from each arm to every later one."""
    differences = [
        {"from": before, "to": after, **found}
        for before, after in combinations(arms, 2)
        for metric in dict.fromkeys(metric for row in rows for metric in row["values"][before])
        for found in difference_of([(_arm(row, before), _arm(row, after)) for row in rows], "arm", metric)
    ]
    return {
        "kind": "arms",
        **head(about, rows, notes),
        "arms": list(arms),
        "n_answerable": sum(row["answerable"] for row in rows),
        "meaning": MEANING,
        "figures": figures_of(rows, arms),
        "differences": differences,
        "rows": list(rows),
    }


def _arm(row: Row, arm: str) -> dict[str, Any]:
    return {"cluster": row["cluster"], "values": {"arm": row["values"][arm]}}


def _by_text(label: Mapping[str, Any]) -> dict[str, Any]:
    return {**label, "gold": []}


def _drafted(engine: Engine, checked: Answer, passages: Sequence[Passage], turns: Sequence[tuple[str, str]]) -> str:
    """What the generator writes from these passages, or from memory where there are none."""
    return engine.generator.generate(Request(checked.question, passages, checked.language, tuple(turns))).text


def _as_answer(checked: Answer, draft: str) -> Answer:
    """A draft shown as it is, without its markers; one that states nothing is an abstention."""
    ids = {str(number): number for number in range(1, len(checked.passages) + 1)}
    text, claims = strip_markers(draft, parse_answer(draft, ids, strict_markers=True), ids=ids, strict_markers=True)
    return Answer(checked.question, text, abstained=not claims, passages=checked.passages, language=checked.language)


def _judged(engine: Engine, given: Answer) -> tuple[int, list[str]]:
    """Number of the claims that reach the user, and those of them that the passages do not support."""
    if given.abstained:
        return 0, []
    sources = [(f"passage {number}", text) for number, text in enumerate(evidence_of(given.passages), start=1)]
    claims = check_answer(given.text, sources, engine.checker, given.question)["claims"]
    return len(claims), [claim["text"] for claim in claims if claim["verdict"] != "supported"]


def _values(label: Mapping[str, Any], given: Answer, judged: tuple[int, list[str]]) -> Values:
    n_claims, unsupported = judged
    outcome = grade(label, given)
    values: Values = {"wrong, of all questions": (float(outcome == "wrong"), 1.0)}
    if label["answerable"]:
        values |= {f"answerable: {name}": (float(outcome == name), 1.0) for name in ("right", "wrong", "abstained")}
    else:
        values["unanswerable: answered"] = (float(outcome == "wrong"), 1.0)
    return values | {
        "questions that got an unsupported claim": (float(bool(unsupported)), 1.0),
        "unsupported claims per 100 questions": (float(len(unsupported)), 1.0),
        "unsupported, of the claims delivered": (float(len(unsupported)), float(n_claims)),
    }

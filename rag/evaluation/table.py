"""Results as tables for a terminal. Text from documents never becomes markup."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from rag.evaluation.gold import warnings_of as gold_warnings

ON_INTERVALS = (
    "Intervals: the middle 95 % of resamples of whole documents, or of questions where fewer than eight documents differ. One "
    "without width means that all came out alike; n says how little that proves."
)
_MAX_LISTED = 20
_MAX_CHARS = 110


def show_result(out: Console, result: Mapping[str, Any]) -> None:
    """Print a result of questions, pairs or arms."""
    out.print(Text(headline(result), style="bold"))
    for warning in warnings_of(result):
        out.print(Text(warning, style="bold yellow"))
    if result["kind"] == "arms":
        _show_arms(out, result)
    else:
        _show_figures(out, result["figures"])
        _show_curve(out, result)
    show_notes(out, result)


def warnings_of(result: Mapping[str, Any]) -> list[str]:
    """What a reader must know before the figures."""
    return gold_warnings(result["gold"]) if result.get("gold") else []


def headline(result: Mapping[str, Any]) -> str:
    """What was measured, in a line."""
    if result["kind"] == "pairs":
        return f"{result['file']}: {result['n']} answers with their sources, {result['n_unsupported']} of them unsupported"
    n_without = result["n"] - result["n_answerable"]
    return f"{result['file']}: {result['n']} questions, {result['n_answerable']} answered in the documents, {n_without} not"


def show_notes(out: Console, result: Mapping[str, Any]) -> None:
    """Print what was left out, and why."""
    measured = {figure["part"] for figure in result["figures"]}
    if missing := [part for part in result.get("parts", ()) if part not in measured]:
        out.print(f"\nNothing to measure for {', '.join(missing)}: no line has a label for it.")
    if result.get("n_failed"):
        out.print(f"\n{result['n_failed']} question(s) that the generator failed count as answered wrongly.")
    if result.get("n_ungraded"):
        out.print(f"\n{result['n_ungraded']} answer(s) not graded: no short answer and no gold span to grade by.")
    if result["n_skipped"]:
        out.print(f"\n{result['n_skipped']} line(s) left out:")
        for note in result["skipped"][:_MAX_LISTED]:
            out.print(Text(f"  {note}"))
        if result["n_skipped"] > _MAX_LISTED:
            out.print(f"  and {result['n_skipped'] - _MAX_LISTED} more, in --json")


def _show_figures(out: Console, figures: Sequence[Mapping[str, Any]]) -> None:
    part = ""
    for figure in figures:
        if figure["part"] != part:
            part = figure["part"]
            out.print(Text(f"\n{part:46}{'percent':>9}  {'95 % interval':17}{'n':>6}", style="bold"))
        out.print(Text(f"  {figure['metric']:44}{figure['value']:9.1f}  {interval(figure):17}{figure['n']:6}"))
    out.print(Text(f"\n{ON_INTERVALS}", style="dim"))


def _show_curve(out: Console, result: Mapping[str, Any]) -> None:
    if not result["risk_coverage"]:
        return
    what = "unsupported among those kept" if result["kind"] == "pairs" else "wrong of the answers given"
    out.print(Text(f"\nOnly the surest, percent: kept, {what}", style="bold"))
    for point in result["risk_coverage"]:
        out.print(f"  {100 * point['coverage']:6.1f}{100 * point['risk']:8.1f}")
    if result["reliability"]:
        out.print(f"Expected calibration error of the score: {result['reliability']['error']:.1f}")


def _show_arms(out: Console, result: Mapping[str, Any]) -> None:
    cells = {(figure["part"], figure["metric"]): figure for figure in result["figures"]}
    metrics = list(dict.fromkeys(figure["metric"] for figure in result["figures"]))
    out.print(Text(f"\n{'percent [95 %]':42}" + "".join(f"{arm:>24}" for arm in result["arms"]), style="bold"))
    for metric in metrics:
        row = [cells.get((arm, metric)) for arm in result["arms"]]
        shown = ["-" if cell is None else f"{cell['value']:.1f} {interval(cell)}" for cell in row]
        out.print(Text(f"{metric:42}" + "".join(f"{cell:>24}" for cell in shown)))
    out.print(Text(f"\n{'change, on the same questions':64}{'percent':>8}  {'95 % interval':17}{'n':>5}", style="bold"))
    for found in result["differences"]:
        mark = "*" if found["is_significant"] else " "
        what = f"{mark} {found['from']} -> {found['to']}: {found['metric']}"
        out.print(Text(f"{what:64}{found['difference']:+8.1f}  {interval(found):17}{found['n']:5}"))
    out.print(_on_marks(result["differences"]))
    out.print(Text(f"\n{result['meaning']}", style="dim"))


def show_comparison(out: Console, found: Mapping[str, Any], names: Sequence[str]) -> None:
    """Print what differs between two results; `names`: of the first and the second."""
    what = "pairs" if found["of"] == "pairs" else "questions"
    out.print(Text(f"{found['n_common']} {what} in common: {names[0]} against {names[1]}", style="bold"))
    _show_changed(out, found["changed"])
    for side, name in zip(("only_first", "only_second"), names, strict=True):
        if found[side]:
            listed = ", ".join(found[side][:5]) + (", ..." if len(found[side]) > 5 else "")
            out.print(Text(f"{len(found[side])} only in {name}, left out: {listed}"))
    out.print(Text(f"\n{'percent':50}{'first':>8}{'second':>8}{'change':>9}  {'95 % interval':17}{'n':>5}", style="bold"))
    for entry in found["differences"]:
        mark = "*" if entry["is_significant"] else " "
        values = f"{entry['first']:8.1f}{entry['second']:8.1f}{entry['difference']:+9.1f}"
        out.print(
            Text(f"{mark} {entry['part']}: {entry['metric']}"[:50].ljust(50) + f"{values}  {interval(entry):17}{entry['n']:5}")
        )
    out.print(_on_marks(found["differences"]))
    out.print(Text(f"\n{len(found['flipped'])} came out otherwise", style="bold"))
    for flip in found["flipped"][:_MAX_LISTED]:
        question = " ".join((flip["question"] or "").split())[:_MAX_CHARS]
        arm = f"{flip['arm']:9} " if "arm" in flip else ""
        out.print(Text(f"  {arm}{flip['first']:>9} -> {flip['second']:9} {flip['id']}: {question}"))
    if len(found["flipped"]) > _MAX_LISTED:
        out.print(f"  and {len(found['flipped']) - _MAX_LISTED} more, in --json")


def _show_changed(out: Console, changed: Sequence[Mapping[str, Any]]) -> None:
    """Print what differs between the systems: whatever changed, a change of figures can be owed to it."""
    if not changed:
        out.print("The two differ in nothing that results keep: version, settings, store.")
        return
    out.print(Text("Differs between the two:", style="bold"))
    for entry in changed:
        out.print(Text(f"  {entry['setting']}: {_shown(entry['first'])} -> {_shown(entry['second'])}"))


def _shown(value: Any) -> str:
    return "not kept" if value is None else json.dumps(value, ensure_ascii=False)


def _on_marks(differences: Sequence[Mapping[str, Any]]) -> str:
    n_marked = sum(entry["is_significant"] for entry in differences)
    return (
        f"\n* the interval of the change leaves out 0: {n_marked} of {len(differences)}. By chance alone about one in twenty "
        "would."
    )


def interval(figure: Mapping[str, Any]) -> str:
    """An interval as it is printed."""
    return f"[{figure['low']:.1f}, {figure['high']:.1f}]"

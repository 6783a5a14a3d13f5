"""`rag calibrate`."""

import argparse
from pathlib import Path

from rich.progress import track

from ingest.errors import ConfigError
from ingest.terminal import Terminal
from rag.batch import read_labelled
from rag.commands.common import Commands, Parents, print_json
from rag.config import RagConfig


def add(commands: Commands, parents: Parents) -> None:
    """Add the subcommand."""
    calibrate = commands.add_parser(
        "calibrate", parents=[parents.stored, parents.common], help="find the confidence below which to abstain"
    )
    calibrate.add_argument(
        "--questions", type=Path, metavar="Q.jsonl", required=True, help='lines with "answerable" and "answers"'
    )
    calibrate.add_argument("--risk", type=float, default=0.05, help="share of wrong answers that is allowed (default: 0.05)")
    calibrate.add_argument(
        "--of", choices=["questions", "answers"], default="questions", help="share of what (default: questions)"
    )
    calibrate.add_argument(
        "--confidence",
        type=float,
        help="certainty with which the risk is kept (default: 0.9 of answers; of questions it is kept on average)",
    )
    calibrate.add_argument("--limit", type=int, metavar="N", help="ask N of the questions, drawn at random with a fixed seed")
    calibrate.add_argument("--out", type=Path, metavar="FILE.toml", help="write a configuration file with the threshold")
    calibrate.set_defaults(run=_calibrate)


def _calibrate(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.calibration import choose, require_enough, target_for
    from rag.engine import build_engine
    from rag.evaluation.caching import remembering
    from rag.evaluation.calibrate import (
        ask_and_grade,
        configuration,
        draw,
        report,
        require_free,
        show_report,
        write_configuration,
    )

    if config.answer.policy == "off":
        raise ConfigError("cannot calibrate with policy `off`: what is not checked has no confidence. Set answer.policy.")
    target = target_for(options.risk, options.of, options.confidence)
    if options.out is not None:
        require_free(options.out)
    questions, n_left_out = draw(read_labelled(options.questions), options.limit, config.answer.max_question_chars)
    require_enough(len(questions), target)
    engine = build_engine(config, remembering(config.embedder.embedder()))
    errors = Terminal(stderr=True)
    asked = track(questions, "asking", console=errors, transient=True, disable=not errors.is_terminal)
    records = ask_and_grade(engine, asked)
    result = report(records, target, choose(records, target), n_left_out)
    is_met = result["threshold"] is not None
    if is_met:
        about = [f"From {len(records)} questions of {options.questions.name}.", result["guarantee"], result["assumes"]]
        result["configuration"] = configuration(config, result["threshold"], about)
    if is_met and options.out is not None:
        write_configuration(options.out, result["configuration"])
    if options.json:
        print_json(result)
    else:
        show_report(Terminal(highlight=False, soft_wrap=True), result, options.out)
    return 0 if is_met else 1

"""What the `ingest` command shows: names whole, events that always have their keys, hints for what was mistyped."""

import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from ingest import showing
from ingest.cli import main
from ingest.intake import Report, Step
from ingest.journal import FileState
from ingest.progress import Display
from ingest.showing import print_files, print_report

LONG = "archive of the year/box.mbox!/message-1.eml!/" + "a-long-name-without-a-blank" * 5 + ".pdf"


@pytest.fixture
def listed(monkeypatch):
    class Opened:
        def states(self):
            broken = FileState("tab\there\x1b.pdf", "docs", "", 1, 1, 1, "failed", "is damaged")
            return {state.name: state for state in (FileState(LONG, "docs", "", 1, 1, 1, "stored", n_chunks=3), broken)}

    monkeypatch.setattr(showing.Store, "open", lambda path: Opened())


def test_a_list_in_a_pipe_is_a_line_a_document(listed, capsys):
    print_files(Path("store"), as_json=False)
    first, second = capsys.readouterr().out.splitlines()
    assert first.split("\t") == [LONG, "", "", "3", "stored"]
    assert second.split("\t") == ["tab�here�.pdf", "", "", "0", "failed: is damaged"]


def test_a_list_on_a_terminal_is_folded_and_cuts_no_name(listed, monkeypatch, capsys):
    monkeypatch.setattr(showing, "_out", lambda: Console(force_terminal=True, width=60, color_system=None))
    print_files(Path("store"), as_json=False)
    heading, *lines = capsys.readouterr().out.splitlines()
    names = "".join(line[: heading.index("language")] for line in lines)
    assert LONG.replace(" ", "") in names.replace(" ", "")


def test_a_dry_run_says_what_an_archive_counts_as(capsys):
    print_report(Report("docs", added=["a.zip"], is_dry_run=True), {}, Path("store"), as_json=False)
    assert "An archive counts as one file here" in capsys.readouterr().out
    print_report(Report("docs", added=["a.txt"], is_dry_run=True), {}, Path("store"), as_json=False)
    assert "archive" not in capsys.readouterr().out


def test_events_have_their_keys_whatever_the_values(capsys):
    display = Display(Console(file=sys.stderr), as_events=True)
    for step in (Step("open", 0, 2, "a.txt"), Step("read", 1, 2, "a.txt"), Step("removed", document="b.txt")):
        display.listen(step)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"event": "open", "done": 0, "total": 2, "document": "a.txt"},
        {"event": "read", "done": 1, "total": 2, "document": "a.txt", "seconds": 0.0},
        {"event": "removed", "document": "b.txt"},
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--store", "s", "status"], "write it first: ingest status"),
        (["statsu"], "write it first: ingest status"),
        (["--store", "s", "remove", "a.txt"], "write it first: ingest remove"),
        (["remvoe", "a.txt"], "write it first: ingest remove"),
        (["docs", "more"], "unrecognized arguments: more"),
    ],
)
def test_a_command_at_the_wrong_place_or_mistyped_is_told(arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())

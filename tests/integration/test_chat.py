"""`rag chat` through a pipe: numbered sources, verdicts, follow-ups, its own commands, and what fails."""

import io
from dataclasses import replace

import pytest

from rag.chat import chat
from rag.errors import GeneratorUnavailable
from rag.generators import Draft
from rag.retriever import Filters
from tests.integration.serving import QUESTION, TRAVEL, build_engine, build_store


class Two:
    """Writes one claim that the passage supports and one that it does not, or fails where it is asked to."""

    name = "two"

    def __init__(self):
        self.requests = []

    def generate(self, request):
        self.requests.append(request)
        if "fail" in request.question:
            raise GeneratorUnavailable("cannot reach the generator: it is off. Start it.")
        return Draft(text="The hotel limit in Madrid is 140 euros per night [1]. Flights are always free of charge [1].")


@pytest.fixture
def talk(tmp_path, fake_embedder, monkeypatch, capsys):
    """Sends lines through a pipe; gives what came back: status, stdout, stderr, and the generator."""
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "travel.md").write_text(TRAVEL + "\nA dinner may cost \x1b[31m35 euros.\n", encoding="utf-8")
    generator = Two()
    engine = build_engine(build_store(tmp_path, folder, fake_embedder), fake_embedder, generator)

    def run(*lines, types=(), policy="strict"):
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
        status = chat(replace(engine, policy=policy), Filters(types=types))
        said = capsys.readouterr()
        return status, said.out, said.err, generator

    return run


def test_claims_come_with_numbers_and_a_source_opens_at_its_words(talk):
    status, out, err, _ = talk(QUESTION, "/source 1", "/source 7", "/quit", "never asked")
    assert (status, err) == (0, "")
    assert "✓ The hotel limit in Madrid is 140 euros per night. [1]" in out
    assert "1 statement(s) withheld" in out and "? Flights are always free of charge. [2]" in out
    assert "  [1] travel.md: “The hotel limit in Madrid is 140 euros per night" in out
    assert ">>>The hotel limit in Madrid is 140 euros per night<<<" in out
    assert "A dinner may cost" in out and "\x1b" not in out, "what a document holds does not steer the terminal"
    assert "Sources go from 1 to 2" in out and "never asked" not in out


def test_an_answer_that_nobody_checked_says_so(talk):
    assert "NOT CHECKED" not in talk(QUESTION)[1]
    assert "NOT CHECKED" in talk(QUESTION, policy="off")[1]


def test_a_follow_up_knows_what_was_said_until_a_new_conversation(talk):
    status, out, _, generator = talk(QUESTION, "And what is it there?", "/new", "/source 1", QUESTION, "/help", "/nonsense")
    assert status == 0
    known = {request.question: len(request.turns) for request in generator.requests}
    assert known == {QUESTION: 0, "And what is it there?": 2}
    assert "There is no source yet" in out and out.count("/source N") == 2 and "There is no /nonsense." in out


def test_what_the_documents_do_not_say_is_said_with_the_nearest_passages(talk):
    status, out, _, _ = talk("Who won the chess tournament?", types=("pdf",))
    assert status == 0 and "The documents do not say." in out


def test_a_question_that_cannot_be_asked_stops_no_other_but_ends_a_pipe_with_1(talk):
    status, out, err, _ = talk("???", QUESTION)
    assert status == 1
    assert err == "rag: cannot answer an empty question: there is no word in it. Ask in words.\n"
    assert "140 euros" in out

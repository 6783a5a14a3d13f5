"""README stays true: every command and every setting is in it, every file that it names is there, and it is short."""

import re
from pathlib import Path

import pytest

from ingest.cli import _COMMANDS
from rag.cli import _parser
from rag.config import RagConfig

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_table_of_settings_is_named():
    for table in RagConfig.model_fields:
        assert f"`{table}`" in README, table


def test_every_command_is_listed():
    choices = next(action.choices for action in _parser()._actions if action.choices)
    for command in choices:
        assert f"`rag {command}" in README
    for command in _COMMANDS:
        assert f"`ingest {command}" in README


def test_every_make_target_is_listed():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"setup", "demo", "test", "lint", "serve", "bench"} <= set(targets)
    for target in targets:
        assert re.search(rf"`{target}[` ]|make {target}", README), target


@pytest.mark.parametrize("path", sorted(set(re.findall(r"(?:configs|data|tests)/[\w./-]*\w", README))))
def test_every_file_named_is_there(path):
    made_by_use = ("data/store",)
    assert (ROOT / path).exists() or path in made_by_use


def test_it_can_be_read_in_one_go():
    assert len(README.split("\n")) <= 200
    assert max(len(line) for line in README.split("\n")) <= 220


def test_the_changelog_names_the_version_scheme():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text
    assert "Keep a Changelog" in text

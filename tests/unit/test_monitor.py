import json
import stat
from datetime import UTC, datetime, timedelta

import pytest

from rag.cli import main
from rag.errors import MonitorError
from rag.generators.harmony.parsing import Call, Reply
from rag.monitor import Monitor
from tests.tinyoss.scenarios import SCENARIOS, Scripted

REPLY = Reply("shown", Call("browser.search", "{}"), "thought", 9, 4, 0, False)


def entries(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def age(path, days):
    old = [entry | {"at": (datetime.now(UTC) - timedelta(days=days)).isoformat()} for entry in entries(path)]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in old), encoding="utf-8")


def test_reasoning_is_kept_for_the_owner_alone(tmp_path):
    path = tmp_path / "deep" / "log.jsonl"
    path.parent.mkdir()
    path.touch(0o644)
    Monitor(path, 30).record("Why?", "gpt-oss", REPLY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (entry,) = entries(path)
    assert (entry["question"], entry["analysis"], entry["call"]) == ("Why?", "thought", "browser.search {}")


def test_every_run_of_a_draft_is_recorded(tmp_path):
    scenario = SCENARIOS["agentic"]
    gpt = scenario.generator(Scripted(*scenario.writes))
    gpt._monitor = Monitor(tmp_path / "log", 30)
    gpt.generate(scenario.request)
    assert [entry["analysis"] for entry in entries(tmp_path / "log")] == ["SECRET search.", "SECRET open.", "SECRET there."]


def test_old_entries_go_when_a_process_begins_to_write(tmp_path):
    path = tmp_path / "log"
    Monitor(path, 30).record("old", "g", REPLY)
    age(path, 31)
    Monitor(path, 30).record("new", "g", REPLY)
    assert [entry["question"] for entry in entries(path)] == ["new"]


def test_purge_drops_what_is_old_or_all(tmp_path, capsys):
    path, config = tmp_path / "log", tmp_path / "c.toml"
    config.write_text(f'[monitor]\npath = "{path}"\nretention_days = 7\n', encoding="utf-8")
    Monitor(path, 7).record("a", "g", REPLY)
    assert main(["monitor", "purge", "--config", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(path), "dropped": 0, "kept": 1}
    assert main(["monitor", "purge", "--config", str(config), "--all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dropped"] == 1
    assert path.read_text(encoding="utf-8") == ""


def test_purge_without_a_log_says_so(capsys):
    assert main(["monitor", "purge"]) == 2
    assert "monitor.path" in capsys.readouterr().err


def test_a_log_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(MonitorError, match=r"monitor\.path"):
        Monitor(tmp_path, 30).record("q", "g", REPLY)

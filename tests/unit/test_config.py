import re
from pathlib import Path

import pytest

from ingest.config import IngestConfig, load_config
from ingest.errors import ConfigError
from rag.config import RagConfig, as_toml

CONFIGS = Path(__file__).resolve().parent.parent.parent / "configs"


def test_the_default_file_equals_the_defaults_of_the_code_and_lists_every_key():
    from_file = load_config(RagConfig, CONFIGS / "default.toml")
    assert from_file == RagConfig()
    listed = re.findall(r"^#? ?(\w+) = ", (CONFIGS / "default.toml").read_text(encoding="utf-8"), re.MULTILINE)
    keys = [key for table in RagConfig.model_fields for key in type(getattr(RagConfig(), table)).model_fields]
    assert sorted(listed) == sorted(keys)


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.toml")), ids=lambda file: file.name)
def test_every_deployment_file_loads_for_both_commands(file):
    whole, part = load_config(RagConfig, file), load_config(IngestConfig, file)
    assert part.embedder == whole.embedder
    assert whole != RagConfig() or file.name == "default.toml"


def test_flag_beats_environment_beats_file_beats_default(tmp_path, monkeypatch):
    file = tmp_path / "c.toml"
    assert load_config(RagConfig, None).retriever.top_k == 8
    file.write_text("[retriever]\ntop_k = 5\n", encoding="utf-8")
    assert load_config(RagConfig, file).retriever.top_k == 5
    monkeypatch.setenv("RAG_RETRIEVER__TOP_K", "6")
    assert load_config(RagConfig, file).retriever.top_k == 6
    assert load_config(RagConfig, file, {"retriever": {"top_k": 7}}).retriever.top_k == 7
    assert load_config(RagConfig, file, {"retriever": {"top_k": None}}).retriever.top_k == 6


@pytest.mark.parametrize("model", [RagConfig, IngestConfig])
@pytest.mark.parametrize("text", ['[embedder]\nmodle = "x"\n', "[embeder]\nx = 1\n", "top_k = 3\n"])
def test_an_unknown_key_names_file_and_key(tmp_path, model, text):
    file = tmp_path / "c.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load_config(model, file)
    assert re.search(r"modle|embeder|top_k", str(error.value))
    assert "c.toml" in str(error.value)


def test_ingest_leaves_the_tables_of_the_query_side_alone(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text("[generator]\nkind = 'openai'\n", encoding="utf-8")
    assert load_config(IngestConfig, file) == IngestConfig()


@pytest.mark.parametrize(
    ("text", "said"),
    [("[retriever]\ntop_k = 0\n", "retriever.top_k"), ("[server]\nport = 'x'\n", "server.port"), ("[store\n", "TOML")],
)
def test_a_wrong_value_says_which(tmp_path, text, said):
    file = tmp_path / "c.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(said)):
        load_config(RagConfig, file)


def test_a_wrong_variable_is_named(monkeypatch):
    monkeypatch.setenv("RAG_SERVER__PORT", "high")
    with pytest.raises(ConfigError, match="RAG_SERVER__PORT"):
        load_config(RagConfig, None)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"no\.toml"):
        load_config(RagConfig, tmp_path / "no.toml")


def test_a_configuration_that_is_written_reads_the_same(tmp_path):
    text = """
        [store]
        path = 'a "b"/ñ'
        [embedder]
        languages = ["en", "es"]
        query_prefix = "query:\\t"
        [generator]
        kind = "openai"
        temperature = 1e-7
        [answer]
        min_confidence = 0.25
    """
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text(text, encoding="utf-8")
    config = load_config(RagConfig, first)
    second.write_text(as_toml(config), encoding="utf-8")
    assert load_config(RagConfig, second) == config
    assert "[chunker]" not in as_toml(config)
    assert as_toml(RagConfig()) == ""

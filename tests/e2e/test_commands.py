"""The commands as a user runs them: processes, exit statuses, what stands on stdout and on stderr."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE = ROOT / "data" / "sample"


def run(command, *arguments, check=None, env=None, timeout=300):
    done = subprocess.run(
        [BIN / command, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
    )
    assert "Traceback" not in done.stderr, done.stderr
    if check is not None:
        assert done.returncode == check, done.stderr
    return done


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def store(sample_store):
    return sample_store


def test_ingest_of_a_folder_with_every_format_and_a_broken_file(tmp_path):
    folder = tmp_path / "docs"
    shutil.copytree(SAMPLE, folder)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    first = run("ingest", folder, "--store", tmp_path / "s", "--events", check=0)
    *events, report = lines(first)
    assert first.stderr == "", "no bars where nobody looks"
    files = [path for path in folder.rglob("*") if path.suffix in (".pdf", ".md", ".txt", ".html", ".docx")]
    assert len(report["added"]) == len(files) - 1
    assert list(report["failed"]) == ["broken.pdf"]
    assert [event["done"] for event in events if event["event"] == "read"] == list(range(1, len(files) + 1))
    assert [event["document"] for event in events if event["event"] == "failed"] == ["broken.pdf"]
    assert {"open", "embed", "store"} <= {event["event"] for event in events}
    assert "event" not in report
    second = run("ingest", folder, "--store", tmp_path / "s", check=0)
    assert "failed broken.pdf" in second.stdout
    third = run("ingest", folder, "--store", tmp_path / "s", "--strict", "--json", check=1)
    assert [list(line) for line in lines(third)] == [list(report)], "one object of the same shape"
    status = lines(run("ingest", "status", "--store", tmp_path / "s", "--json", check=0))[0]
    assert (status["documents"], status["failed"]) == (len(files) - 1, 1)
    listed = lines(run("ingest", "list", "--store", tmp_path / "s", "--json", check=0))
    assert len(listed) == len(files)
    run("ingest", "remove", "support/faq.md", "--store", tmp_path / "s", check=0)
    assert "support/faq.md" not in run("ingest", "list", "--store", tmp_path / "s", check=0).stdout


@pytest.mark.parametrize(
    ("command", "arguments", "status", "said"),
    [
        ("ingest", ["no/such/folder"], 2, "no such folder"),
        ("ingest", [], 2, "folder"),
        ("ingest", ["list", "--store", "no/such/store"], 1, "Run `ingest FOLDER"),
        ("rag", ["ask", "Hello?", "--store", "no/such/store"], 1, "Run `ingest FOLDER"),
        ("rag", ["ask"], 2, "give a question"),
        ("rag", ["ask", "a", "--questions", "b"], 2, "not both"),
        ("rag", ["ask", "x", "--config", "no.toml"], 2, "no.toml"),
        ("rag", ["search", "x", "--top-k", "0"], 2, "--top-k"),
        ("rag", ["check"], 2, "--pairs"),
        ("rag", ["check", "--pairs", "no.jsonl"], 1, "no.jsonl"),
        ("rag", ["verify"], 2, "ANSWER.json"),
        ("rag", ["verify", "no.json"], 2, "no.json"),
        ("rag", ["calibrate"], 2, "--questions"),
        ("rag", ["calibrate", "--questions", "no.jsonl"], 1, "no.jsonl"),
        ("rag", ["nonsense"], 2, "nonsense"),
        ("rag", [], 2, "COMMAND"),
    ],
)
def test_wrong_usage_is_told_without_a_traceback(command, arguments, status, said):
    done = run(command, *arguments)
    assert done.returncode == status
    assert said in done.stderr
    assert done.stdout == ""


def test_search_keeps_its_contract(store, tmp_path):
    questions = tmp_path / "q.jsonl"
    rows = [
        {"id": "a", "question": "How many days of annual leave are there?"},
        {
            "id": "b",
            "turns": [{"role": "user", "text": "What does the Corvo 200 cost?"}, {"role": "user", "text": "And the 300?"}],
        },
        {"id": "c", "question": ""},
        {"id": "d"},
    ]
    questions.write_text("\n".join(json.dumps(row) for row in rows) + "\nnot json\n", encoding="utf-8")
    search = ("rag", "search", "--questions", questions, "--store", store, "--top-k", 3, "--json")
    done = run(*search)
    out = lines(done)
    assert [line["id"] for line in out] == ["a", "b", "c", "d", None]
    assert done.returncode == 1
    assert all("error" in line for line in out[2:])
    # By default what lies far behind the best is left out; else there are as many as were asked for.
    whole = lines(run(*search, env={"RAG_RETRIEVER__MAX_GAP": "0"}))[:2]
    assert [[passage["rank"] for passage in line["passages"]] for line in whole] == [[1, 2, 3], [1, 2, 3]]
    for line, all_three in zip(out, whole, strict=False):
        assert line["passages"][0]["document"] == all_three["passages"][0]["document"]
        assert [passage["rank"] for passage in line["passages"]] == [1, 2, 3][: len(line["passages"])]
    for line in [*out[:2], *whole]:
        for passage in line["passages"]:
            assert list(passage) == ["rank", "score", "document", "page", "start", "end", "text", "place", "about"]
            if passage["document"].endswith(".md"):
                source = (SAMPLE / passage["document"]).read_bytes().decode("utf-8-sig")
                assert source[passage["start"] : passage["end"]] == passage["text"]
        scores = [passage["score"] for passage in line["passages"]]
        assert scores == sorted(scores, reverse=True)


def test_ask_keeps_its_contract_over_all_sample_questions(store):
    from ingest.store import Store

    file = SAMPLE.with_name("sample-questions.jsonl")
    done = run("rag", "ask", "--questions", file, "--store", store, "--json", check=0)
    out = lines(done)
    questions = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in out] == [question["id"] for question in questions]
    snapshot = Store.open(store).snapshot()
    documents = {name: snapshot.document(name) for name in snapshot.states}
    for line, question in zip(out, questions, strict=True):
        if line["abstained"]:
            assert line["text"] == {"en": "The documents do not say.", "es": "Los documentos no lo dicen."}[question["lang"]]
            assert line["claims"] == []
            assert line["reason"]
        for claim in line["claims"]:
            assert line["text"][claim["start"] : claim["end"]] == claim["text"]
            assert claim["citations"]
            for citation in claim["citations"]:
                document = documents[citation["document"]]
                assert document.text[citation["start"] : citation["end"]] == citation["quote"]
                assert document.page_at(citation["start"]) == document.page_at(citation["end"] - 1) == citation["page"]


def test_ask_for_people_shows_verdicts_and_sources(store):
    done = run("rag", "ask", "How many unused leave days may I carry over?", "--store", store, check=0)
    assert "[supported]" in done.stdout
    assert "hr/leave-policy.md" in done.stdout
    assert "“" in done.stdout


def test_check_keeps_its_contract(tmp_path):
    pairs = tmp_path / "p.jsonl"
    rows = [
        {"id": "1", "answer": "The fee is 30 euros [s1].", "sources": [{"id": "s1", "text": "The fee is 30 euros."}]},
        {"id": "2", "answer": "The fee is 40 euros.", "sources": [{"id": "s1", "text": "The fee is 30 euros."}]},
        {"id": "3", "answer": "The fee is 30 euros.", "sources": []},
        {"id": "4", "answer": "", "sources": []},
        {"id": "5", "sources": []},
    ]
    pairs.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    done = run("rag", "check", "--pairs", pairs, "--json")
    assert done.returncode == 1
    out = lines(done)
    assert [line["id"] for line in out] == ["1", "2", "3", "4", "5"]
    assert [line.get("supported") for line in out] == [True, False, False, True, None]
    assert out[1]["claims"][0]["verdict"] == "contradicted"
    assert out[2]["claims"][0]["verdict"] == "not_enough"
    assert "answer" in out[4]["error"]
    for line, row in zip(out[:3], rows, strict=False):
        assert 0 <= line["score"] <= 1
        for claim in line["claims"]:
            assert row["answer"][claim["start"] : claim["end"]] == claim["text"]
            for citation in claim["citations"]:
                text = next(source["text"] for source in row["sources"] if source["id"] == citation["source"])
                assert text[citation["start"] : citation["end"]] == citation["quote"]
    single = run(
        "rag", "check", "--answer", "The Corvo 200 weighs 9 tonnes.", "--source", SAMPLE / "support" / "faq.md", check=0
    )
    assert "not supported" in single.stdout


def test_a_calibrated_threshold_is_taken_by_ask(store, tmp_path):
    out = tmp_path / "calibrated.toml"
    questions = SAMPLE.with_name("sample-questions.jsonl")
    run("rag", "calibrate", "--questions", questions, "--store", store, "--limit", 20, "--risk", 0.15, "--out", out, check=0)
    strict = tmp_path / "strict.toml"
    strict.write_text(re.sub(r"(?<=min_confidence = ).*", "1.0", out.read_text(encoding="utf-8")), encoding="utf-8")
    question = "How many unused leave days may I carry over?"
    given, withheld = (lines(run("rag", "ask", question, "--config", file, "--json", check=0))[0] for file in (out, strict))
    assert given["claims"] and not given["abstained"]
    assert (withheld["abstained"], withheld["reason"]) == (True, "low_confidence")
    assert withheld["confidence"] == given["confidence"]


def test_doctor_finds_what_is_wrong(store, tmp_path):
    good = lines(run("rag", "doctor", "--store", store, "--json", check=0))[0]
    assert good["ok"] is True
    assert {finding["part"] for finding in good["findings"]} >= {"embedder", "store", "checker", "generator", "disk"}
    config = tmp_path / "c.toml"
    config.write_text("[generator]\nkind='openai'\nbase_url='http://127.0.0.1:9/v1'\nmodel='m'\n", encoding="utf-8")
    bad = run("rag", "doctor", "--store", tmp_path / "none", "--config", config)
    assert bad.returncode == 1
    assert "FAIL store" in bad.stdout
    assert "FAIL generator: cannot reach generator" in bad.stdout


def test_a_generator_that_is_not_there_is_told_by_name_and_quotes_take_its_place(store):
    done = run(
        "rag",
        "ask",
        "How many unused leave days may I carry over?",
        "--store",
        store,
        "--generator",
        "openai",
        "--base-url",
        "http://127.0.0.1:9/v1",
        "--model",
        "m",
        check=0,
    )
    assert "cannot reach generator `http://127.0.0.1:9/v1`" in done.stdout
    assert "up to five unused days" in done.stdout


def test_a_damaged_model_file_is_told_by_name(store, tmp_path):
    broken = tmp_path / "m.gguf"
    broken.write_bytes(b"nothing of the kind")
    done = run("rag", "ask", "Hello there?", "--store", store, "--generator", "llamacpp", "--model", broken)
    assert done.returncode == 1
    assert "no GGUF file" in done.stderr


def test_the_small_model_in_process_is_checked_like_any_other(store):
    done = run(
        "rag", "ask", "How many unused leave days may I carry over?", "--json", "--store", store,
        "--config", ROOT / "configs" / "small-model.toml", check=0, timeout=600,
    )  # fmt: skip
    result = lines(done)[0]
    assert result["receipt"]["generator"].startswith("llamacpp:")
    assert result["abstained"] or all(claim["verdict"] == "supported" and claim["citations"] for claim in result["claims"])
    assert result["claims"] or result["withheld"] or result["abstained"]


def test_a_full_disk_is_told_and_loses_nothing(tmp_path):
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", tmp_path], capture_output=True).returncode
    ):
        pytest.skip("needs the right to mount a small file system")
    try:
        folder = tmp_path.parent / f"{tmp_path.name}-docs"
        shutil.copytree(SAMPLE / "hr", folder)
        (folder / "big.txt").write_text(
            "\n\n".join(f"Paragraph {n} with some words in it." * 20 for n in range(250)), encoding="utf-8"
        )
        done = run("ingest", folder, "--store", tmp_path / "s", timeout=600)
        assert done.returncode == 1
        assert "disk is full" in done.stderr or "No space left" in done.stderr
        subprocess.run(["mount", "-o", "remount,size=32m", tmp_path], check=True)
        run("ingest", folder, "--store", tmp_path / "s", check=0)
        listed = run("ingest", "list", "--store", tmp_path / "s", "--json", check=0).stdout
        files = [json.loads(line) for line in listed.splitlines()]
        assert {file["document"]: file["status"] for file in files} == {
            path.name: "stored" for path in folder.iterdir() if path.is_file()
        }
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=False)


@pytest.mark.parametrize("command", ["ingest list --json", "rag search --questions /dev/stdin --json"])
def test_a_pipe_whose_reader_left_ends_without_a_trace(store, command):
    name, *arguments = command.split()
    process = subprocess.Popen(
        [BIN / name, *arguments, "--store", str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    errors = process.communicate(b'{"question": "How many unused leave days may I carry over?"}')[1]
    assert (process.returncode, errors) == (1, b"")


@pytest.fixture
def server(store):
    process = subprocess.Popen(
        [BIN / "rag", "serve", "--port", "0", "--store", str(store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    line = process.stdout.readline()
    assert line.startswith("serving on http://127.0.0.1:"), process.stderr.read()
    yield line.split()[2], process
    process.terminate()
    process.wait(30)


def test_serve_answers_and_stops_cleanly(server):
    url, process = server
    body = json.dumps({"question": "How many unused leave days may I carry over?"}).encode()
    request = urllib.request.Request(f"{url}/query", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        assert json.load(response)["claims"]
    with urllib.request.urlopen(f"{url}/healthz", timeout=60) as response:
        assert json.load(response)["status"] == "ok"
    process.terminate()
    assert process.wait(30) in (0, -15)


def test_a_taken_port_is_told(store):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("rag", "serve", "--port", taken.getsockname()[1], "--store", store)
    assert done.returncode == 1
    assert "the port is taken" in done.stderr


def test_a_server_for_others_starts_only_once_somebody_can_authenticate(store, tmp_path):
    env = {"RAG_SERVER__STATE": f'"{tmp_path / "state"}"'}
    serve = ("serve", "--host", "0.0.0.0", "--port", 0, "--store", store)
    refused = run("rag", *serve, env=env)
    assert refused.returncode == 1
    assert "rag keys create" in refused.stderr
    made = run("rag", "keys", "create", "reader", "--scope", "read", "--days", 1, env=env, check=0)
    key = made.stdout.strip()
    assert run("rag", "keys", "create", "reader", env=env).returncode == 1
    listed = lines(run("rag", "keys", "list", "--json", env=env, check=0))
    assert [(row["name"], row["scopes"], row["revoked"]) for row in listed] == [("reader", ["read"], None)]
    process = subprocess.Popen(
        [BIN / "rag", *map(str, serve)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, **env},
    )  # fmt: skip
    try:
        port = int(process.stdout.readline().split(" (")[0].rsplit(":", 1)[1])
        url = f"http://127.0.0.1:{port}/documents"
        statuses = []
        for attempt in range(3):
            headers = {"Authorization": f"Bearer {key}"} if attempt else {}
            try:
                with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as response:
                    statuses.append(response.status)
            except urllib.error.HTTPError as error:
                statuses.append(error.code)
            if attempt == 1:
                run("rag", "keys", "revoke", "reader", env=env, check=0)
        assert statuses == [401, 200, 401]
    finally:
        process.terminate()
        said = process.communicate(timeout=60)[1]
    assert process.returncode in (0, -15)
    assert key not in said and all(json.loads(line)["event"] for line in said.splitlines() if line.startswith("{"))


def test_users_are_added_without_a_password_on_the_command_line(tmp_path):
    env = {**os.environ, "RAG_SERVER__STATE": f'"{tmp_path / "state"}"'}

    def users(*arguments, said=""):
        return subprocess.run(
            [BIN / "rag", "users", *arguments], input=said, capture_output=True, text=True, cwd=ROOT, env=env, timeout=120
        )

    assert "characters" in users("add", "ana", said="short\n").stderr
    assert users("add", "ana", "--group", "hr", said="correct horse battery\n").returncode == 0
    assert json.loads(users("list", "--json").stdout)["groups"] == ["hr"]
    assert users("passwd", "bob", said="correct horse battery\n").returncode == 1
    assert users("remove", "ana").returncode == 0
    assert users("list", "--json").stdout == ""

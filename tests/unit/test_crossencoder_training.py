import pickle
import random

import pytest

torch = pytest.importorskip("torch")

from rag.crossencoder.inputs import pair  # noqa: E402
from rag.crossencoder.training.average import averaged  # noqa: E402
from rag.crossencoder.training.corruption import corrupt, lighten  # noqa: E402
from rag.crossencoder.training.network import from_packaged_model  # noqa: E402
from rag.crossencoder.training.restore import restore  # noqa: E402
from rag.crossencoder.training.rows import IGNORED, Row  # noqa: E402
from rag.crossencoder.training.statements import statement  # noqa: E402
from rag.crossencoder.training.train import _batches, _read, _share, tensors  # noqa: E402

PASSAGE = (
    "The Danube flows through Vienna and Budapest. In March 1945 about 1,200 houses were destroyed in Vienna. "
    "The bridge was not rebuilt before 1950. Maria Huber led the works."
)


@pytest.mark.parametrize(
    ("sentence", "language"),
    [
        ("In March 1945 about 1,200 houses were destroyed in Vienna.", "en"),
        ("The bridge was not rebuilt before 1950.", "en"),
        ("En marzo de 1945 fueron destruidas unas 1.200 casas en Viena.", "es"),
        ("Die Brücke wurde vor 1950 nicht wieder aufgebaut.", "de"),
    ],
)
def test_a_changed_sentence_differs_where_it_says(sentence, language):
    for seed in range(40):
        changed = corrupt(sentence, PASSAGE, language, random.Random(seed))
        assert changed is not None and changed.text != sentence
        assert 0 <= changed.start < changed.end <= len(changed.text)
        if changed.kind != "relation":
            assert sentence.startswith(changed.text[: changed.start])


@pytest.mark.parametrize(
    ("question", "answer", "language", "said"),
    [
        ("Who wrote Hamlet?", "Shakespeare", "en", "Shakespeare wrote Hamlet."),
        ("When did the Normans attack Dyrrachium?", "1185", "en", "The Normans attack Dyrrachium in 1185."),
        ("How many bridges cross the river?", "12", "en", "12 bridges cross the river."),
        ("When was the tower completed?", "May 1931", "en", "The tower was completed in May 1931."),
        ("¿Quién escribió el libro?", "Ana Ruiz", "es", "Ana Ruiz escribió el libro."),
        ("¿Cuándo se fundó la ciudad?", "1535", "es", "Se fundó la ciudad en 1535."),
        ("Wer schrieb das Buch?", "Anna", "de", "Wer schrieb das Buch? Anna."),
    ],
)
def test_a_question_with_its_answer_becomes_a_statement(question, answer, language, said):
    found = [statement(question, answer, language, random.Random(seed)) for seed in range(20)]
    assert said in {one.text for one in found}
    assert {one.text for one in found} <= {said, f"{question} {answer}."}  # now and then it stays a question with its answer
    assert all(one.text[one.start : one.end].startswith(answer) for one in found)


def test_a_sentence_without_anything_to_change_is_left_alone():
    assert corrupt("so it goes", "so it goes", "en", random.Random(1)) is None


def test_a_lightened_sentence_keeps_its_figures_and_loses_only_asides():
    sentence = "However, the tower (built by the guild of smiths) is 84 metres high, which made it famous in the region."
    found = {lighten(sentence, random.Random(seed)) for seed in range(30)}
    assert all("84 metres" in text and text[0].isupper() for text in found) and len(found) > 1


def rows(n):
    rng = random.Random(4)
    found = []
    for number in range(n):
        given = pair("claim " * rng.randint(1, 9), "evidence " * rng.randint(1, 60))
        found.append(Row(given.ids, len(given.first), str(number), support=number % 3, tags=(0,) * len(given.first)))
    return found


def test_every_row_comes_once_an_epoch_in_batches_that_fit():
    given = rows(300)
    batches = _batches(given, 512, 20)
    seen = []
    while len(seen) < len(given):
        batch = next(batches)
        assert len(batch) * max(len(row.ids) for row in batch) <= 512 or len(batch) == 1
        seen += [row.source for row in batch]
    assert sorted(seen) == sorted(row.source for row in given)


def test_targets_stand_over_the_tokens_that_they_belong_to():
    given = pair("It weighs ten tons", "It weighs two tons and is green")
    row = Row(given.ids, len(given.first), "x", support=1, tags=(0, 0, 1, 0))
    short = pair("a", "b")
    batch = tensors([row, Row(short.ids, 1, "y", answers=1, span=(3, 3))])
    assert batch["tags"][0].tolist()[:6] == [IGNORED, 0, 0, 1, 0, IGNORED]
    assert batch["tags"][1].eq(IGNORED).all() and batch["support"].tolist() == [1, IGNORED]
    assert batch["types"][0].tolist() == given.types() and batch["mask"][1].sum() == len(short.ids)


def test_the_rate_rises_stays_and_falls_to_nothing():
    shares = [_share(step, 1000, 200) for step in range(1000)]
    assert shares[0] < 0.1 and shares[500] == 1.0 and shares[-1] <= 0.01
    assert shares[800:] == sorted(shares[800:], reverse=True)


def test_a_short_training_learns_and_its_export_says_the_same(tmp_path):
    """The whole way on tiny data: rows, training, export, runtime."""
    import pickle
    import subprocess
    import sys

    from rag.crossencoder.runtime import CrossEncoder

    texts = [("red", 0), ("blue", 1)]
    taught = []
    for number in range(24):
        word, label = texts[number % 2]
        given = pair(f"The box is {word}.", "The box is red.")
        tags = tuple(int(label and given.first[i] == (11, 11 + len(word))) for i in range(len(given.first)))
        taught.append(Row(given.ids, len(given.first), "toy", support=label, tags=tags, answers=1 - label, span=(0, 0)))
    (tmp_path / "rows.pkl").write_bytes(pickle.dumps(taught))
    run = [sys.executable, "-m", "rag.crossencoder.training.train", "--rows", str(tmp_path / "rows.pkl"), "--folder"]
    steps = ["--decay", "5", "--tokens", "300", "--frozen", "5", "--rate", "1e-3"]
    subprocess.run([*run, str(tmp_path / "run"), "--steps", "20", "--every", "10", *steps], check=True, capture_output=True)
    subprocess.run([*run, str(tmp_path / "run"), "--steps", "60", "--every", "20", *steps], check=True, capture_output=True)
    export = [sys.executable, "-m", "rag.crossencoder.training.export", "--checkpoint", str(tmp_path / "run" / "checkpoint.pt")]
    subprocess.run([*export, "--out", str(tmp_path / "toy.onnx")], check=True, capture_output=True)
    network = CrossEncoder(tmp_path / "toy.onnx")
    red, blue = network.read([pair(f"The box is {word}.", "The box is red.") for word, _ in texts])
    assert red.support.argmax() == 0 and blue.support.argmax() == 1
    assert red.answers > 0 > blue.answers

    # The run is gone; its file is where the next one starts from.
    again = [*run, str(tmp_path / "again"), "--weights", str(tmp_path / "toy.onnx"), "--steps", "1", *steps, "--rate", "0"]
    subprocess.run([*again, "--bf16"], check=True, capture_output=True)
    export[-1] = str(tmp_path / "again" / "checkpoint.pt")
    subprocess.run([*export, "--out", str(tmp_path / "same.onnx")], check=True, capture_output=True)
    for before, word in ((red, "red"), (blue, "blue")):
        after = CrossEncoder(tmp_path / "same.onnx").read([pair(f"The box is {word}.", "The box is red.")])[0]
        assert after.support == pytest.approx(before.support, abs=0.3) and after.answers == pytest.approx(
            before.answers, abs=0.3
        )


def test_a_file_of_another_network_is_nothing_to_start_from(tmp_path):
    import onnx
    from onnx import helper

    graph = helper.make_graph([], "empty", [], [])
    onnx.save(helper.make_model(graph), str(tmp_path / "other.onnx"))
    with pytest.raises(ValueError, match="it has no"):
        restore(from_packaged_model(), tmp_path / "other.onnx")


def test_the_mean_of_two_checkpoints_lies_between_them():
    one = {"weight": torch.tensor([0.0, 2.0]), "step": torch.tensor(3)}
    other = {"weight": torch.tensor([10.0, 4.0]), "step": torch.tensor(3)}
    mean = averaged([one, other], [0.4, 0.6])
    assert mean["weight"].tolist() == pytest.approx([6.0, 3.2])
    assert mean["step"].item() == 3
    with pytest.raises(ValueError, match="add up"):
        averaged([one, other], [0.4, 0.4])
    with pytest.raises(ValueError, match="different"):
        averaged([one, {"weight": one["weight"]}], [0.5, 0.5])


def test_of_a_file_some_sources_and_a_share_are_taken(tmp_path):
    sources = ("written en", "written questions en")
    rows = [Row((101, number, 102, 102), 1, source) for source in sources for number in range(10)]
    file = tmp_path / "rows.pkl"
    file.write_bytes(pickle.dumps(rows))
    assert _read(str(file), 20) == rows
    assert {row.source for row in _read(f"{file}:written questions", 20)} == {"written questions en"}
    half = _read(f"{file}:written e,squad=0.5", 20)
    assert len(half) == 5 and {row.source for row in half} == {"written en"}
    assert half == _read(f"{file}:written e,squad=0.5", 20) != _read(f"{file}:written e,squad=0.5", 21)

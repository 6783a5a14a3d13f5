import json
from importlib.resources import files

import numpy as np
import pytest

from rag.checker.check import Checker
from rag.checker.entailment import CrossEncoderSupport, doubted_words
from rag.checker.evidence import Evidence, Source
from rag.checker.selection import EVIDENCE_TOKENS, select_sentences
from rag.checker.support import Alignment
from rag.crossencoder.inputs import MAX_FIRST_TOKENS, MAX_TOKENS, count_tokens, pair, passage_pair
from rag.crossencoder.runtime import CrossEncoder, Read
from rag.errors import CheckerError

PUMP = "The pump weighs 3.5 kg. It was tested in Graz in 2019. The warranty lasts two years and covers the motor."


@pytest.fixture(scope="module")
def network():
    return CrossEncoder()


def alignment(claim, text):
    return Alignment(claim, Evidence([Source(text)]))


def test_a_pair_says_where_every_token_stands():
    first, second = "¿Cuánto pesa la bomba?", PUMP
    found = pair(first, second)
    assert len(found.ids) == len(found.first) + len(found.second) + 3
    assert found.ids[found.second_at - 1] == found.ids[-1] == 102
    start = second.index("3.5 kg")
    low, high = found.second_tokens(start, start + len("3.5 kg"))
    covered = [second[a:b] for a, b in found.second[low - found.second_at : high - found.second_at]]
    assert "".join(covered) == "3.5kg"
    assert found.types() == [0] * found.second_at + [1] * (len(found.ids) - found.second_at)


def test_what_is_too_long_is_cut_where_it_matters_least():
    found = pair("word " * 200 + "the claim itself", "evidence first. " + "more " * 400)
    assert len(found.ids) == MAX_TOKENS and len(found.first) == MAX_FIRST_TOKENS
    assert found.first[-1][1] == len("word " * 200 + "the claim itself")
    assert found.second[0] == (0, len("evidence"))
    assert found.second_tokens(1500, 1504)[0] == found.second_tokens(1500, 1504)[1]


def test_a_passage_is_read_under_its_innermost_heading():
    found, at = passage_pair("How heavy?", "Manual > Pump", PUMP)
    assert at == len("Pump: ")
    assert found.second_tokens(at, at + 3)[0] - found.second_at == 2


def test_reading_does_not_depend_on_what_else_is_read(network):
    pairs = [pair("The pump weighs 3.5 kg.", PUMP), pair("It was tested in Rome.", PUMP * 3), pair("x", "y")]
    together = network.read(pairs)
    for given, read in zip(pairs, together, strict=True):
        alone = network.read([given])[0]
        assert np.array_equal(alone.support, read.support) and alone.answers == read.answers
        assert len(read.tags) == len(given.first) and len(read.starts) == len(read.ends) == len(given.second) + 1
    assert network.read([]) == []


@pytest.mark.parametrize("content", [None, b"", b"no graph at all"])
def test_missing_or_damaged_weights_are_an_error_with_a_remedy(tmp_path, content):
    path = tmp_path / "weights.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckerError, match=r"weights\.onnx.*Install"):
        CrossEncoder(path).read([pair("a", "b")])


def test_two_products_fit_16_bits_so_that_every_processor_adds_up_the_same(network):
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(network.path)).graph
    weights = [numpy_helper.to_array(item) for item in graph.initializer if item.data_type == onnx.TensorProto.INT8]
    matrices = [weight for weight in weights if weight.ndim == 2]
    assert len(matrices) > 20
    assert max(int(np.abs(matrix.astype(int)).max()) for matrix in matrices) * 255 * 2 <= 2**15


def test_the_regression_belongs_to_the_weights_that_ship(network):
    parameters = json.loads(files("rag.checker").joinpath("entailment.json").read_text(encoding="utf-8"))
    assert parameters["weights_sha256"] == network.version


@pytest.mark.parametrize(
    ("right", "wrong", "source"),
    [
        ("The pump was tested in Graz.", "The director of the museum resigned on Monday.", PUMP),
        ("The warranty covers the motor.", "The orchestra cancelled its concerts in Lisbon.", PUMP),
        (
            "La bomba se probó en Graz.",
            "La empresa despidió a cuarenta trabajadores.",
            "La bomba pesa 3,5 kg. Se probó en Graz en 2019. La garantía dura dos años y cubre el motor.",
        ),
    ],
)
def test_what_the_source_says_is_likelier_than_what_it_does_not_say(right, wrong, source):
    checker = Checker(model=CrossEncoderSupport())
    good, bad = (checker.judge(claim, [source]) for claim in (right, wrong))
    assert (good.verdict, bad.verdict) == ("supported", "not_enough")
    assert good.score > bad.score + 0.1


def test_sentences_that_hold_the_claim_are_read_and_no_more_than_fit():
    filler = " ".join(f"Sentence number {n} speaks of nothing in particular at all." for n in range(120))
    text = f"{filler} The reactor was shut down in May. {filler} It restarted under Dr. Weiss in July."
    found = alignment("The reactor was shut down in May and restarted in July.", text)
    numbers = select_sentences(found, count_tokens)
    chosen = [found.evidence.text(number) for number in numbers]
    assert "The reactor was shut down in May." in chosen and "It restarted under Dr. Weiss in July." in chosen
    assert numbers == sorted(numbers)
    assert sum(map(count_tokens, chosen)) <= EVIDENCE_TOKENS


def test_a_short_text_is_read_whole():
    found = alignment("Nothing of this stands there.", PUMP)
    assert [found.evidence.text(n) for n in select_sentences(found, count_tokens)] == [PUMP[a:b] for a, b in Source(PUMP).spans]


def test_doubted_words_are_whole_words_of_the_claim():
    context, claim = "It is about pumps. ", "The pump weighs 4711 kilograms."
    given = pair(context + claim, PUMP)
    at = len(context)
    tags = np.array(
        [5.0 if at + claim.index("711") < end and start < at + claim.index(" kilo") else -5.0 for start, end in given.first]
    )
    read = Read(np.zeros(3), 0.0, tags, np.zeros(1), np.zeros(1))
    assert [claim[a:b] for a, b in doubted_words(claim, read, given, at, 0.0)] == ["4711"]
    everywhere = Read(np.zeros(3), 0.0, np.full(len(given.first), 5.0), np.zeros(1), np.zeros(1))
    assert doubted_words(claim, everywhere, given, at, 0.0)[0][0] == 0


@pytest.mark.parametrize(("intercept", "verdict"), [(0.4, "not_enough"), (-0.4, "contradicted")])
def test_contradicted_is_said_only_of_what_is_likelier_not_supported(intercept, verdict):
    class Doubter:
        """Holds every claim for contradicted."""

        def read(self, pairs):
            return [
                Read(
                    np.array([-2.0, 2.0, -2.0]),
                    0.0,
                    np.zeros(len(p.first)),
                    np.zeros(len(p.second) + 1),
                    np.zeros(len(p.second) + 1),
                )
                for p in pairs
            ]

    parameters = json.loads(files("rag.checker").joinpath("entailment.json").read_text(encoding="utf-8"))
    model = CrossEncoderSupport(Doubter(), parameters | {"weights": {}, "intercept": intercept})
    assert Checker(model=model).judge("The pump was tested in a lab in Graz.", [PUMP]).verdict == verdict

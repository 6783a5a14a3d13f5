import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ingest import embedder as module
from ingest import universal
from ingest.embedder import SentenceTransformerEmbedder
from ingest.errors import EmbedderError
from ingest.minilm import engine
from ingest.minilm.engine import has_8_bit_instructions, packaged_model_folder
from ingest.universal import CombinedEmbedder, UniversalEmbedder

TEXTS = ["a", "The hotel limit is 140 euros.", "word " * 100, "El permiso dura quince días.", "x" * 50, "", "short one"]


@pytest.fixture(scope="module")
def plain():
    """The packaged model as sentence-transformers runs it."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(packaged_model_folder()), device="cpu", local_files_only=True)


@pytest.mark.parametrize(("settings", "nearest"), [({"precision": "float32"}, 0.9999), ({"precision": "int8"}, 0.97)])
def test_vectors_are_those_of_the_plain_model_whatever_the_batch(plain, settings, nearest):
    embedder = SentenceTransformerEmbedder(device="cpu", **settings)
    ours = embedder.encode(TEXTS)
    theirs = plain.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    assert ours.shape == (len(TEXTS), embedder.dim) == theirs.shape
    assert ours.dtype == np.float32
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    assert np.min(np.sum(ours * theirs, axis=1)) > nearest
    assert np.array_equal(embedder.encode(TEXTS[1:2])[0], ours[1])
    assert embedder.max_tokens == plain.max_seq_length


def test_a_model_of_torch_gives_the_vectors_of_the_plain_one(plain):
    embedder = SentenceTransformerEmbedder(str(packaged_model_folder()), device="cpu")
    theirs = plain.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    assert np.min(np.sum(embedder.encode(TEXTS) * theirs, axis=1)) > 0.9999
    assert np.min(np.sum(embedder.encode(TEXTS[:2]) * theirs[:2], axis=1)) > 0.9999
    assert (embedder.dim, embedder.max_tokens) == (theirs.shape[1], plain.max_seq_length)
    assert list(embedder.token_starts(TEXTS[3])) == list(SentenceTransformerEmbedder().token_starts(TEXTS[3]))


def test_the_packaged_model_neither_needs_torch_nor_tells_its_precision(tmp_path):
    run = "import sys; from ingest.embedder import SentenceTransformerEmbedder as E; E(device='cpu').encode(['a', 'b'])"
    subprocess.run([sys.executable, "-c", f"{run}; assert 'torch' not in sys.modules"], check=True)
    both = [SentenceTransformerEmbedder(precision=precision).identity for precision in ("int8", "float32")]
    assert both[0] == both[1], "a store may be written on one machine and asked on another"


def test_threads_that_ask_at_once_get_what_one_gets():
    fresh = SentenceTransformerEmbedder(device="cpu")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: fresh.encode([text])[0], TEXTS))
    assert np.array_equal(np.stack(found), SentenceTransformerEmbedder(device="cpu").encode(TEXTS))


@pytest.mark.parametrize(("said", "expected"), [("1", 1), ("1,2", 1), ("", None), ("0", None), ("many", None), ("9999", None)])
def test_as_many_threads_as_the_environment_allows(monkeypatch, said, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert engine.MiniLM()._threads == (expected or len(os.sched_getaffinity(0)))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_vnni", True),
        ("flags\t\t: fpu avx2 avx_vnni", True),
        ("Features\t: fp asimd asimddp", True),
        ("flags\t\t: fpu avx2 avx512f", False),
        ("model name\t: avx512_vnni", False),
    ],
)
def test_8_bits_are_taken_where_the_processor_has_instructions_for_them(tmp_path, monkeypatch, flags, expected):
    monkeypatch.setattr(engine.platform, "system", lambda: "Linux")
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{flags}\n", encoding="utf-8")
    assert has_8_bit_instructions(tmp_path / "cpuinfo") is expected
    assert has_8_bit_instructions(tmp_path / "none") is False


def test_nothing_of_a_long_text_is_dropped(embedder, plain):
    head, tail = "The red valve opens at forty bar. " * 40, "Penguins live in the south of the world. " * 40
    both = embedder.encode([head + tail])[0]
    about_tail = embedder.encode_queries(["penguins"])[0]
    cut_off = plain.encode([head + tail], normalize_embeddings=True)[0]
    assert both @ about_tail > cut_off @ about_tail + 0.1
    assert abs(np.linalg.norm(both) - 1) < 1e-5


def test_no_texts_give_an_empty_matrix(embedder):
    assert embedder.encode([]).shape == (0, embedder.dim)


def test_token_starts_are_positions_in_the_text(embedder):
    text = "Ñandú: 1.250,50 € (approx.)"
    starts = embedder.token_starts(text)
    assert list(starts) == sorted(starts)
    assert all(0 <= start < len(text) and not text[start].isspace() for start in starts)


def test_a_long_text_has_its_tokens_where_a_short_one_has_them(embedder, monkeypatch):
    text = "Ñandú: 1.250,50 € (approx.)\n\n" * 30 + "unbrokenword" * 30
    whole = list(embedder.token_starts(text))
    monkeypatch.setattr(module, "_TOKENISED_CHARS", 100)
    lines = text.index("unbroken")
    pieces = list(embedder.token_starts(text))
    assert [start for start in pieces if start < lines] == [start for start in whole if start < lines]
    assert pieces == sorted(set(pieces))
    assert lines in pieces and pieces[-1] < len(text)


def test_texts_are_cut_as_the_model_of_torch_cuts_them(embedder, monkeypatch):
    torch_model = SentenceTransformerEmbedder(str(packaged_model_folder()), device="cpu")
    texts = [*TEXTS, "Ünïcödé naïve ßtraße 你好 🎉 [SEP] <b> A\u0301\x00 ", "two\nlines and\ttabs  "]
    assert [embedder.token_starts(text) for text in texts] == [torch_model.token_starts(text) for text in texts]
    long = " ".join(texts)
    whole = embedder.token_starts(long)
    monkeypatch.setattr(module, "_TOKENISED_CHARS", 40)
    assert embedder.token_starts(long) == whole, "pieces make no difference"


def test_identity_of_two_embedders_together_tells_of_both(tmp_path):
    (tmp_path / "weights").write_bytes(b"1")
    universal_one = UniversalEmbedder()
    both = CombinedEmbedder(SentenceTransformerEmbedder(str(tmp_path)), universal_one).identity
    (tmp_path / "weights").write_bytes(b"2")
    other = CombinedEmbedder(SentenceTransformerEmbedder(str(tmp_path)), universal_one).identity
    assert both != other
    assert universal_one.identity in both and universal_one.identity in other


def test_identity_tells_whose_vectors_may_be_used_again(tmp_path):
    (tmp_path / "weights").write_bytes(b"1")
    before = SentenceTransformerEmbedder(str(tmp_path)).identity
    assert SentenceTransformerEmbedder(str(tmp_path)).identity == before
    assert SentenceTransformerEmbedder(str(tmp_path), text_prefix="passage: ").identity != before
    (tmp_path / "weights").write_bytes(b"2")
    assert SentenceTransformerEmbedder(str(tmp_path)).identity != before


def test_a_model_that_is_not_there_is_told_by_name(tmp_path):
    with pytest.raises(EmbedderError, match=r"embedder\.model"):
        SentenceTransformerEmbedder(str(tmp_path)).encode(["x"])


def test_damaged_weights_are_refused(monkeypatch):
    monkeypatch.setattr(engine, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(EmbedderError, match="damaged"):
        packaged_model_folder()


@pytest.fixture(scope="module")
def combined(embedder):
    return CombinedEmbedder(embedder, UniversalEmbedder())


def test_a_question_finds_its_answer_in_another_language(combined):
    texts = ["The hotel limit in Madrid is 140 euros a night.", "Der Urlaub beträgt 30 Tage.", "The lift is out of order."]
    vectors = combined.encode(texts)
    assert vectors.dtype == np.float32 and vectors.shape == (3, combined.dim)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    asked = [
        "¿Cuánto se puede gastar en un hotel por noche?",
        "How many days of holiday are there?",
        "L'ascenseur ne marche pas",
    ]
    found = combined.encode_queries(asked)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert (found @ vectors.T).argmax(axis=1).tolist() == [0, 1, 2]


def test_a_question_takes_the_english_part_only_in_english(combined):
    english, spanish = combined.encode_queries(["What is the hotel limit?", "¿Cuál es el límite del hotel?"])
    first = combined.first.dim
    assert np.linalg.norm(english[:first]) > np.linalg.norm(english[first:]) > 0
    assert not spanish[:first].any()
    together = combined.encode_queries(["What is the hotel limit?"])[0]
    assert np.allclose(english, together, atol=1e-5)  # whatever it is embedded with


def test_no_texts_give_an_empty_matrix_of_both(combined):
    assert combined.encode([]).shape == (0, combined.dim) == combined.encode_queries([]).shape


def test_damaged_weights_of_the_multilingual_embedder_are_refused(monkeypatch):
    monkeypatch.setattr(universal, "file_sha256", lambda path: "0" * 64)
    with pytest.raises(EmbedderError, match="damaged"):
        UniversalEmbedder().encode(["x"])

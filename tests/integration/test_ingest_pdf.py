"""Files that wait for something outside of them: a password, text recognition."""

from ingest.chunker import ChunkerSettings
from ingest.pipeline import ingest_folder
from tests.unit.test_loaders import pdf
from tests.unit.test_ocr import ENGLISH, needs_models, picture, saved


def test_a_protected_file_is_read_by_the_next_run_that_has_its_password(tmp_path, fake_embedder, monkeypatch):
    folder, store = tmp_path / "folder", tmp_path / "store"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(pdf("The vault opens at nine.", password="open sesame"))
    first = ingest_folder(folder, store, fake_embedder, ChunkerSettings())
    assert "RAG_PDF_PASSWORD" in first.failed["a.pdf"]
    monkeypatch.setenv("RAG_PDF_PASSWORD_1", "wrong")
    assert "a.pdf" in ingest_folder(folder, store, fake_embedder, ChunkerSettings()).failed
    monkeypatch.setenv("RAG_PDF_PASSWORD_2", "open sesame")
    assert ingest_folder(folder, store, fake_embedder, ChunkerSettings()).added == ["a.pdf"]
    assert ingest_folder(folder, store, fake_embedder, ChunkerSettings()).unchanged == ["a.pdf"]


@needs_models
def test_an_image_is_read_by_the_next_run_that_can(tmp_path, fake_embedder, monkeypatch):
    folder, store = tmp_path / "folder", tmp_path / "store"
    folder.mkdir()
    (folder / "a.png").write_bytes(saved(picture(ENGLISH)))
    with monkeypatch.context() as without:
        (tmp_path / "empty" / "rapidocr").mkdir(parents=True)
        (tmp_path / "empty" / "rapidocr" / "__init__.py").write_text("")
        without.syspath_prepend(tmp_path / "empty")  # for the processes that read, too
        assert "install" in ingest_folder(folder, store, fake_embedder, ChunkerSettings()).failed["a.png"]
        assert "install" in ingest_folder(folder, store, fake_embedder, ChunkerSettings()).failed["a.png"]
    assert ingest_folder(folder, store, fake_embedder, ChunkerSettings()).added == ["a.png"]

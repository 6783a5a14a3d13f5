"""Lists, texts, images of pages, uploads and feedback, as a client gets them."""

import io
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
from reportlab.pdfgen.canvas import Canvas

from tests.integration.serving import TRAVEL, build_site, build_store

LINES = ["The annual fee is 30 euros.", "Nothing else is due.", "The annual fee is 30 euros."]


def fees(second_page="The second page."):
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(400, 300))
    for number, line in enumerate(LINES):
        canvas.drawString(50, 250 - 80 * number, line)
    canvas.showPage()
    canvas.drawString(50, 250, second_page)
    canvas.save()
    return out.getvalue()


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "docs"
    (root / "more").mkdir(parents=True)
    (root / "travel.md").write_text(TRAVEL, encoding="utf-8")
    (root / "more" / "viaje.txt").write_text("El límite del hotel en Madrid es de 140 euros por noche.\n", encoding="utf-8")
    (root / "fees.pdf").write_bytes(fees())
    with zipfile.ZipFile(root / "post.zip", "w") as archive:
        archive.writestr("inner/fees.pdf", fees("Another second page."))
    (root / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    return root


@pytest.fixture
def site(tmp_path, folder, fake_embedder):
    site = build_site(tmp_path, build_store(tmp_path, folder, fake_embedder), fake_embedder)
    yield site
    site.services.uploads.close()


def pixels(png):
    """RGB of a PNG of ours: the test reads what the standard says, not what the writer meant."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    position, data, size = 8, b"", (0, 0)
    while position < len(png):
        length, kind = struct.unpack(">I4s", png[position : position + 8])
        body = png[position + 8 : position + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", png[position + 8 + length : position + 12 + length])[0]
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        data += body if kind == b"IDAT" else b""
        position += 12 + length
    rows = np.frombuffer(zlib.decompress(data), dtype=np.uint8).reshape(size[1], 1 + 3 * size[0])
    assert set(rows[:, 0]) == {2}
    return np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8).reshape(size[1], size[0], 3)


def marked(png):
    """Rows of the image in which something is yellow."""
    image = pixels(png).astype(int)
    return np.flatnonzero(((image[..., 0] - image[..., 2]) > 100).any(axis=1))


def listed(site, **params):
    return [state["document"] for state in site.call("GET", "/documents", params=params).json()["documents"]]


def test_lists_are_filtered_and_come_in_pages(site):
    everything = ["fees.pdf", "more/viaje.txt", "post.zip!/inner/fees.pdf", "travel.md"]
    assert listed(site) == everything
    assert listed(site, folder="more") == listed(site, language="es") == listed(site, text="VIAJE") == ["more/viaje.txt"]
    assert listed(site, type="pdf") == ["fees.pdf", "post.zip!/inner/fees.pdf"]
    assert listed(site, source="none") == []
    assert listed(site, failed=True) == ["broken.pdf"]
    pages, after = [], ""
    while after is not None:
        page = site.call("GET", "/documents", params={"limit": 3, "after": after}).json()
        assert page["total"] == 4
        pages.append([state["document"] for state in page["documents"]])
        after = page["next"]
    assert pages == [everything[:3], everything[3:]]
    failed = site.call("GET", "/documents/status", params={"document": "broken.pdf"}).json()
    assert failed["status"] == "failed" and failed["reason"]
    assert site.call("GET", "/status").json()["documents"] == 4


def test_the_text_is_that_in_which_citations_count(site):
    whole = site.call("GET", "/documents/text", params={"document": "travel.md"})
    assert whole.json()["text"] == TRAVEL
    citation = site.call("POST", "/query", json={"question": "What is the hotel limit in Madrid?"}).json()["claims"][0][
        "citations"
    ][0]
    place = {"document": citation["document"], "start": citation["start"], "end": citation["end"]}
    part = site.call("GET", "/documents/text", params=place).json()
    assert part["text"] == citation["quote"]
    beyond = site.call("GET", "/documents/text", params={"document": "travel.md", "start": 5, "end": 10**9}).json()
    assert (beyond["text"], beyond["length"]) == (TRAVEL[5:], len(TRAVEL))
    assert [page["page"] for page in site.call("GET", "/documents/text", params={"document": "fees.pdf"}).json()["pages"]] == [
        1,
        2,
    ]
    again = site.call(
        "GET", "/documents/text", params={"document": "travel.md"}, headers={"If-None-Match": whole.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert "no-cache" in again.headers["cache-control"]


@pytest.mark.parametrize("document", ["fees.pdf", "post.zip!/inner/fees.pdf"])
def test_the_cited_words_are_marked_where_they_stand_on_the_page(site, document):
    text = site.call("GET", "/documents/text", params={"document": document}).json()["text"]
    plain = site.call("GET", "/documents/page", params={"document": document, "page": 1, "scale": 1})
    assert plain.headers["content-type"] == "image/png"
    assert pixels(plain.content).shape == (300, 400, 3)
    assert len(marked(plain.content)) == 0
    for start, row in ((text.index(LINES[0]), 50), (text.rindex(LINES[2]), 210)):  # the same words, twice on the page
        place = {"document": document, "start": start, "end": start + len(LINES[0]), "scale": 1}
        response = site.call("GET", "/documents/page", params=place)
        assert (response.headers["x-marks"], response.headers["x-page"]) == ("1", "1")
        rows = marked(response.content)
        assert rows.min() > row - 15 and rows.max() < row + 8
    again = site.call("GET", "/documents/page", params=place, headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304


def test_a_page_of_a_file_that_was_changed_is_not_shown(site, folder):
    place = {"document": "fees.pdf", "page": 2}
    assert site.call("GET", "/documents/page", params=place).status_code == 200
    assert site.call("GET", "/documents/page", params={**place, "page": 3}).status_code == 422
    assert site.call("GET", "/documents/page", params={"document": "travel.md"}).status_code == 422
    (folder / "fees.pdf").write_bytes(fees("Another page."))
    changed = site.call("GET", "/documents/page", params=place)
    assert (changed.status_code, changed.json()["error"]["type"]) == (409, "source_changed")
    (folder / "fees.pdf").unlink()
    assert site.call("GET", "/documents/page", params=place).status_code == 409


def upload(site, *files, wait=True):
    sent = [("files", (name, content)) for name, content in files]
    response = site.call("POST", "/documents", files=sent)
    assert response.status_code == 202, response.text
    status = response.json()
    for _ in range(400):
        if not wait or status["is_done"]:
            return status["files"]
        time.sleep(0.02)
        status = site.call("GET", f"/documents/uploads/{response.json()['id']}").json()
    raise AssertionError("the upload was never ingested")


def test_uploads_are_searched_replaced_and_deleted(site, tmp_path):
    before = listed(site)
    first = upload(site, ("lunch.md", b"Lunch is served at noon in the canteen."), ("virus.exe", b"x"), ("empty.txt", b""))
    assert [(file["document"], file["status"]) for file in first] == [
        ("uploads:lunch.md", "stored"), (None, "refused"), ("uploads:empty.txt", "failed"),
    ]  # fmt: skip
    assert ".exe" in first[1]["reason"] and "no text" in first[2]["reason"]
    answer = site.call("POST", "/query", json={"question": "When is lunch served in the canteen?"}).json()
    assert answer["claims"][0]["citations"][0]["document"] == "uploads:lunch.md"
    copy = upload(site, ("copy.md", b"Lunch is served at noon in the canteen."))[0]
    assert (copy["document"], copy["status"]) == ("uploads:lunch.md", "unchanged")
    assert listed(site, folder="uploads:") == ["uploads:lunch.md"]
    upload(site, ("lunch.md", b"Lunch is served at one in the canteen."))
    text = site.call("GET", "/documents/text", params={"document": "uploads:lunch.md"}).json()["text"]
    assert "at one" in text
    gone = site.call("DELETE", "/documents", params={"document": "uploads:lunch.md"})
    assert gone.json() == {"document": "uploads:lunch.md", "is_removed": True}
    assert listed(site) == before
    kept = site.call("DELETE", "/documents", params={"document": "travel.md"})
    assert (kept.status_code, kept.json()["error"]["type"]) == (409, "not_an_upload")


@pytest.mark.parametrize("name", ["../../evil.md", "/etc/evil.md", "..\\evil.md", "a/b/evil.md"])
def test_an_upload_stays_in_its_folder_whatever_its_name(site, tmp_path, name):
    assert upload(site, (name, b"Some words."))[0]["document"] == "uploads:evil.md"
    assert list(tmp_path.rglob("*evil.md")) == [tmp_path / "state" / "uploads" / "evil.md"]


def test_an_upload_that_is_too_large_is_refused_also_without_a_length(tmp_path, folder, fake_embedder):
    site = build_site(tmp_path, build_store(tmp_path, folder, fake_embedder), fake_embedder, max_upload_mb=2)
    large = site.call("POST", "/documents", files={"files": ("a.txt", b"x " * 1_100_000)})
    assert (large.status_code, large.json()["error"]["type"]) == (413, "too_large")
    assert upload(site, ("b.exe", b"x " * 600_000))[0]["status"] == "refused"  # read to its end, though a question is smaller

    async def pieces():
        for _ in range(20):
            yield b'{"question": "' + b"x" * 100_000

    chunked = site.call("POST", "/query", content=pieces(), headers={"Content-Type": "application/json"})
    assert (chunked.status_code, chunked.json()["error"]["type"]) == (413, "too_large")
    site.services.uploads.close()


def test_a_server_takes_up_what_an_earlier_one_left(tmp_path, folder, fake_embedder):
    store = build_store(tmp_path, folder, fake_embedder)
    left = tmp_path / "state" / "uploads"
    left.mkdir(parents=True)
    (left / "left.md").write_text("Left behind.", encoding="utf-8")
    site = build_site(tmp_path, store, fake_embedder)
    site.services.uploads.start()
    for _ in range(200):
        if "uploads:left.md" in listed(site):
            break
        time.sleep(0.02)
    site.services.uploads.close()
    assert "uploads:left.md" in listed(site)


def test_reading_goes_on_while_the_store_is_written(site, folder, tmp_path, fake_embedder):
    """Every answer cites words that stand in some version of the document, whichever moment it saw."""
    seen = set()
    for number in range(4):
        upload(site, ("limit.md", f"The parking limit in Bilbao is {number} euros.".encode()), wait=False)
        for _ in range(5):
            answer = site.call("POST", "/query", json={"question": "What is the parking limit in Bilbao?"}).json()
            seen |= {claim["citations"][0]["quote"] for claim in answer["claims"] if "Bilbao" in claim["text"]}
    assert seen <= {f"The parking limit in Bilbao is {number} euros." for number in range(4)}
    upload(site, ("limit.md", b"The parking limit in Bilbao is 4 euros."))
    answer = site.call("POST", "/query", json={"question": "What is the parking limit in Bilbao?"}).json()
    assert answer["claims"][0]["citations"][0]["quote"] == "The parking limit in Bilbao is 4 euros."


def test_feedback_is_kept_with_the_answer_and_its_receipt(site):
    answer = site.call("POST", "/query", json={"question": "What is the hotel limit in Madrid?"}).json()
    kept = site.call("POST", "/feedback", json={"rating": "bad", "comment": "old", "answer": answer})
    assert (kept.status_code, kept.json()["receipt_id"]) == (201, answer["receipt"]["id"])
    assert site.call("POST", "/feedback", json={"rating": "bad", "answer": {"no": "answer"}}).status_code == 422
    site.call("POST", "/feedback", json={"rating": "good", "answer": answer})
    admin = site.services.accounts.create_key("admin", ["admin"])
    first = site.call("GET", "/feedback", key=admin, params={"limit": 1}).json()
    second = site.call("GET", "/feedback", key=admin, params={"limit": 1, "before": first["next"]}).json()
    assert [first["feedback"][0]["rating"], second["feedback"][0]["comment"], second["next"]] == ["good", "old", None]
    assert second["feedback"][0]["answer"] == answer

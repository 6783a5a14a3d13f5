"""No file makes a loader reach for anything outside of it: not the network, not another file of the machine."""

import socket
import sys
import threading

import docx
import pytest

from ingest.containers import Unpacking, is_container
from ingest.errors import LoadError
from ingest.loaders import load_bytes
from tests.unit.test_hostile_files import FILES
from tests.unit.test_loaders import pdf
from tests.unit.test_office_formats import epub, odf, repacked, saved

_reached: list[tuple] = []
_WATCHED = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request", "subprocess.Popen", "os.system")
sys.addaudithook(lambda event, arguments: _reached.append((event, arguments)) if event in _WATCHED else None)


@pytest.fixture
def outside(tmp_path):
    """Address of a server that notes who comes, and path of a file with a secret."""
    (tmp_path / "secret.txt").write_text("the SECRET of this machine")
    server = socket.create_server(("127.0.0.1", 0))
    came: list[object] = []

    def serve():
        while True:
            try:
                connection, address = server.accept()
            except OSError:
                return
            came.append(address)
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    _reached.clear()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", (tmp_path / "secret.txt").as_uri()
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()
    assert came == []
    assert _reached == []


def word(address: str) -> bytes:
    """A Word file whose template, picture and inserted part lie elsewhere."""
    document = docx.Document()
    document.add_paragraph("Plain words.")
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    for kind in ("attachedTemplate", "image", "aFChunk", "frame", "subDocument", "oleObject"):
        document.part.relate_to(f"{address}/{kind}", f"{relation}/{kind}", is_external=True)
    return saved(document)


def workbook(address: str) -> bytes:
    """A workbook with a sheet that the package says lies elsewhere."""
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
        f'Target="{address}/sheet.xml" TargetMode="External"/></Relationships>'
    )
    return repacked(FILES["a.xlsx"], **{"xl/_rels/workbook.xml.rels": relations.encode()})


def hostile(http: str, secret: str) -> dict[str, bytes]:
    include = f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="{secret}" parse="text"/>'
    page = (
        f'<html><head><base href="{http}"><link rel=stylesheet href="{http}/a.css"><script src="{http}/a.js"></script></head>'
        f'<body>Plain words.<img src="{http}/a.png"><iframe src="{secret}"></iframe><object data="{http}/o"></object></body>'
        "</html>"
    )
    mail = (
        "From: a@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nPlain words.\n--b\n"
        f'Content-Type: message/external-body; access-type=URL; URL="{http}/x"\n\nContent-Type: text/plain\n\n--b--\n'
    )
    return {
        "dtd.xml": f'<!DOCTYPE a SYSTEM "{http}/a.dtd"><a>Plain words.</a>'.encode(),
        "entity.xml": f'<!DOCTYPE a [<!ENTITY s SYSTEM "{secret}">]><a>Plain words. &s;</a>'.encode(),
        "parameter.xml": f'<!DOCTYPE a [<!ENTITY % s SYSTEM "{http}/p">%s;]><a>Plain words.</a>'.encode(),
        "include.xml": f'<?xml-stylesheet href="{http}/a.xsl"?><a>Plain words. {include}</a>'.encode(),
        "page.html": page.encode(),
        "page.xhtml": f'<!DOCTYPE html SYSTEM "{http}/x.dtd">{page}'.encode(),
        "word.docx": word(http),
        "word2.docx": word(secret),
        "book.xlsx": workbook(http),
        "book2.xlsx": workbook(secret),
        "text.odt": odf("text", f'<text:p>Plain words.</text:p><draw:object xlink:href="{http}/o"/>{include}'),
        "book.epub": epub({"a.xhtml": f'<!DOCTYPE html SYSTEM "{http}/x.dtd">{page}'}),
        "up.epub": epub({"../../../../etc/passwd": "", "a.xhtml": "<p>Plain words.</p>"}),
        "mail.eml": mail.encode(),
        "note.rtf": rb"{\rtf1{\*\template http://x}{\field{\*\fldinst INCLUDETEXT " + secret.encode() + rb"}} Plain words.}",
        "doc.rst": f"Plain words.\n\n.. include:: {secret[7:]}\n\n.. raw:: html\n   :url: {http}\n".encode(),
        "note.md": f"Plain words. ![a]({http}/a.png)\n".encode(),
        "page.pdf": pdf("Plain words.").replace(
            b"/Type /Catalog", f"/Type /Catalog /OpenAction <</S/URI/URI({http})>>".encode()
        ),
    }


@pytest.mark.parametrize("name", sorted(hostile("http://127.0.0.1:9", "file:///s")))
def test_references_lead_nowhere(name, outside):
    data = hostile(*outside)[name]
    try:
        text = load_bytes(data, name).text
    except LoadError as error:
        text = str(error)
        assert "Plain words." not in text
    assert "SECRET" not in text
    assert "root:" not in text
    if is_container(name):
        assert all(b"SECRET" not in part.data for part in Unpacking().parts(data, name))


def test_the_watch_would_notice():
    """The hook above sees what it is there to see."""
    _reached.clear()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    assert any(event == "socket.connect" for event, _ in _reached)

"""E-mail, mailboxes and archives: what is in them, under which names, and what hostile ones can do."""

import bz2
import gzip
import io
import lzma
import mailbox
import struct
import tarfile
import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import containers
from ingest.containers import Limits, Unpacking, owners
from ingest.errors import LoadError
from ingest.loaders import load_bytes


def zipped(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tarred(parts: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
        device = tarfile.TarInfo("null.txt")
        device.type = tarfile.CHRTYPE
        archive.addfile(device)
    return buffer.getvalue()


def message(text="The valve opens at 40 bar.", **headers) -> EmailMessage:
    mail = EmailMessage()
    for name, value in ({"From": "Ann Lee <ann@example.org>", "To": "bob@example.org", "Subject": "Valves"} | headers).items():
        mail[name] = value
    mail["Date"] = "Fri, 01 May 2026 08:00:00 +0200"
    mail.set_content(text)
    return mail


def parts_of(data: bytes, name: str, **limits) -> tuple[dict[str, bytes | str], Unpacking]:
    """Bytes of every part by name, or the reason why it has none."""
    unpacking = Unpacking(limits=Limits(**limits))
    found = [(part.name, part.reason or part.data) for part in unpacking.parts(data, name)]
    assert len(dict(found)) == len(found), "no two parts have one name"
    return dict(found), unpacking


def test_a_mail_is_its_headers_and_its_body():
    mail = message(Subject="Precio de la válvula", Cc="c@example.org")
    document = load_bytes(mail.as_bytes(), "a.eml")
    assert document.text == (
        "From: Ann Lee <ann@example.org>\nTo: bob@example.org\nCc: c@example.org\nDate: Fri, 01 May 2026 08:00:00 +0200\n"
        "Subject: Precio de la válvula\n\nThe valve opens at 40 bar.\n"
    )
    assert document.title == "Precio de la válvula"
    assert document.metadata == {"author": "Ann Lee <ann@example.org>", "created": "2026-05-01T08:00:00+02:00"}


def test_of_alternatives_the_plain_one_is_read_and_html_where_there_is_no_other():
    mail = message("Plain words.")
    mail.add_alternative("<p>HTML words.</p>", subtype="html")
    text = load_bytes(mail.as_bytes(), "a.eml").text
    assert "Plain words." in text
    assert "HTML words." not in text
    only = EmailMessage()
    only["Subject"] = "Fees"
    only.set_content("<html><h1>Fees</h1><p>5 €</p><p hidden>SECRET</p></html>", subtype="html")
    document = load_bytes(only.as_bytes(), "b.eml")
    assert document.text == "Subject: Fees\n\nFees\n\n5 €\n"
    assert [document.text[h.start : h.end] for h in document.headings] == ["Fees"]
    assert document.warnings == ("left out 6 characters that a reader does not see",)


def test_attachments_have_names_of_their_own():
    inner = message("Inner words.", Subject="Inner")
    inner.add_attachment(b"deep,1\n", maintype="text", subtype="csv", filename="deep.csv")
    mail = message()
    mail.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="../../etc/prices.csv")
    mail.add_attachment(b"a,b\n3,4\n", maintype="text", subtype="csv", filename="C:\\x\\prices.csv")
    mail.add_attachment(b"GIF89a", maintype="image", subtype="gif", filename="logo.gif")
    mail.add_attachment(inner)
    data = mail.as_bytes()
    found, unpacking = parts_of(data, "m.eml")
    assert list(found) == ["m.eml!/prices.csv", "m.eml!/prices (2).csv", "m.eml!/Inner.eml", "m.eml!/Inner.eml!/deep.csv"]
    assert found["m.eml!/prices (2).csv"] == b"a,b\n3,4\n"
    assert "Inner words." in load_bytes(found["m.eml!/Inner.eml"], "Inner.eml").text
    assert unpacking.skipped == {".gif": 1}
    document = load_bytes(data, "m.eml")
    assert "Attachments: prices.csv, prices.csv, logo.gif, Inner.eml" in document.text
    assert "a,b" not in document.text


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: =?broken?=\nFrom: <<<@@\nDate: yesterday\nContent-Type: text/plain; charset=x-none\n\nWords \xe9.\n",
        b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\nno boundary comes\n",
        b"Subject: x\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\n--b--\n",
        b"From: a@b.c\nContent-Type: message/rfc822\n\nSubject: inner\n\nWords.\n",
        b"Subject: x\nContent-Transfer-Encoding: base64\n\n!!!\n",
    ],
)
def test_broken_mails_are_read_as_far_as_they_go(raw):
    assert load_bytes(raw, "a.eml").text
    parts_of(raw, "a.eml")


def test_what_is_no_mail_says_so():
    with pytest.raises(LoadError, match="no e-mail"):
        load_bytes(b"Just some words.\nAnd more.", "a.eml")


def test_a_mailbox_as_python_writes_it(tmp_path):
    box = mailbox.mbox(tmp_path / "box.mbox")
    box.add(message("First.\n\nFrom here on: nothing.", Subject="One"))
    second = message("Second.", Subject="Two")
    second.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="t.csv")
    box.add(second)
    box.close()
    found, _ = parts_of((tmp_path / "box.mbox").read_bytes(), "box.mbox")
    assert list(found) == ["box.mbox!/message-1.eml", "box.mbox!/message-2.eml", "box.mbox!/message-2.eml!/t.csv"]
    first = load_bytes(found["box.mbox!/message-1.eml"], "1.eml")
    assert first.title == "One"
    assert "From here on: nothing." in first.text
    with pytest.raises(LoadError, match="no mailbox"):
        parts_of(b"nothing", "box.mbox")


def test_archives_in_archives():
    mail = message()
    mail.add_attachment(b"c,d\n", maintype="text", subtype="csv", filename="c.csv")
    inner = zipped({"b.eml": mail.as_bytes(), "notes/n.md": b"# N\n"})
    data = zipped({"folder/report.txt": b"R", "inner.zip": inner, "t.tar.gz": gzip.compress(tarred({"x.txt": b"X"}))})
    found, _ = parts_of(data, "a.zip")
    assert list(found) == [
        "a.zip!/folder/report.txt",
        "a.zip!/inner.zip!/b.eml",
        "a.zip!/inner.zip!/b.eml!/c.csv",
        "a.zip!/inner.zip!/notes/n.md",
        "a.zip!/t.tar.gz!/x.txt",
    ]
    assert owners("a.zip!/inner.zip!/b.eml!/c.csv") == ["a.zip", "a.zip!/inner.zip", "a.zip!/inner.zip!/b.eml"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "a.tar.gz"])
def test_tar_is_known_by_its_bytes_and_links_and_devices_are_skipped(pack, name):
    data = pack(tarred({"./docs/a.txt": b"A", "b.txt": b"B", "c.bin": b"C"}, {"link.txt": "/etc/passwd"}))
    found, unpacking = parts_of(data, name)
    assert found == {f"{name}!/docs/a.txt": b"A", f"{name}!/b.txt": b"B"}
    assert unpacking.skipped == {".bin": 1, "link": 1, "device or sparse file": 1}


HOSTILE = ["/etc/passwd.txt", "../../up.txt", "C:\\windows\\w.txt", "a/../../b.txt", "./x/./y.txt", "q\0r.txt", "..", "//"]


def test_paths_that_lead_out_are_names_inside():
    found, _ = parts_of(tarred(dict.fromkeys(HOSTILE, b"x")), "a.tar")
    assert set(found) == {
        "a.tar!/etc/passwd.txt", "a.tar!/up.txt", "a.tar!/windows/w.txt", "a.tar!/a/b.txt", "a.tar!/x/y.txt",
    } | {name for name in found if "q" in name}  # fmt: skip
    zips, _ = parts_of(zipped(dict.fromkeys(HOSTILE, b"x")), "a.zip")
    for name in [*found, *zips]:
        steps = name.split("!/")[1].split("/")
        assert not {"", ".", ".."} & set(steps)


def test_a_logo_below_a_signature_is_no_attachment_and_a_pasted_picture_is():
    mail = message()
    for name, size in (("logo.png", 2_000), ("pasted.png", 200_000)):
        mail.add_attachment(b"\x89PNG" + bytes(size), maintype="image", subtype="png", filename=name, cid=f"<{name}>")
    found, _ = parts_of(mail.as_bytes(), "m.eml")
    assert list(found) == ["m.eml!/pasted.png"]


def test_hidden_files_and_links_in_a_zip_are_skipped():
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO(zipped({".git/x.txt": b"", "__MACOSX/a.txt": b"", "~$a.docx": b"", "a.txt": b"A", "p.gif": b""}))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    found, unpacking = parts_of(buffer.getvalue(), "a.zip")
    assert found == {"a.zip!/a.txt": b"A"}
    assert unpacking.skipped == {"hidden": 2, "lock": 1, "link": 1, ".gif": 1}


def test_two_parts_of_one_name_and_a_name_that_a_file_of_the_folder_has():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, pytest.warns(UserWarning):
        archive.writestr("a.txt", b"1")
        archive.writestr("a.txt", b"2")
    unpacking = Unpacking(taken={"z.zip!/a.txt"})
    names = [part.name for part in unpacking.parts(buffer.getvalue(), "z.zip")]
    assert names == ["z.zip!/a (2).txt", "z.zip!/a (3).txt"]


def test_a_part_that_is_damaged_stops_no_other():
    data = bytearray(zipped({"a.txt": b"first " * 50, "b.txt": b"second " * 50, "c.txt": b"third " * 50}))
    place = data.index(b"b.txt") + len("b.txt")
    data[place + 2] ^= 0xFF
    found, _ = parts_of(bytes(data), "a.zip")
    assert (found["a.zip!/a.txt"], found["a.zip!/c.txt"]) == (b"first " * 50, b"third " * 50)
    assert "damaged" in found["a.zip!/b.txt"]
    inner, _ = parts_of(zipped({"x.zip": b"PK\x03\x04rubbish", "y.txt": b"Y"}), "a.zip")
    assert "no ZIP" in inner["a.zip!/x.zip"]
    assert inner["a.zip!/y.txt"] == b"Y"


def encrypted(data: bytes) -> bytes:
    """Set the bit that says so, in every header of a part."""
    raw = bytearray(data)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = raw.find(mark)
        while place >= 0:
            raw[place + offset] |= 1
            place = raw.find(mark, place + 4)
    return bytes(raw)


def test_an_encrypted_zip_says_so():
    with pytest.raises(LoadError, match="encrypted"):
        parts_of(encrypted(zipped({"a.txt": b"A"})), "a.zip")
    found, _ = parts_of(zipped({"x.zip": encrypted(zipped({"a.txt": b"A"})), "b.txt": b"B"}), "a.zip")
    assert "encrypted" in found["a.zip!/x.zip"]
    assert found["a.zip!/b.txt"] == b"B"


def test_a_part_that_expands_as_no_document_does_is_refused_by_itself():
    found, _ = parts_of(zipped({"bomb.txt": bytes(30_000_000), "a.txt": b"A"}), "a.zip")
    assert "as no document does" in found["a.zip!/bomb.txt"]
    assert found["a.zip!/a.txt"] == b"A"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_tar_that_expands_beyond_all_measure_is_stopped(pack):
    data = pack(tarred({"a.txt": b"A", "bomb.bin": bytes(40_000_000), "b.txt": b"B"}))
    seen = []
    with pytest.raises(LoadError, match="far more bytes"):
        seen.extend(part.name for part in Unpacking().parts(data, "a.tar.gz"))
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40  # asks for a terabyte of memory
    with pytest.raises(LoadError):
        list(Unpacking().parts(pack(header.tobuf() + bytes(20_000_000)), "a.tar.gz"))


def test_limits_of_the_whole_file():
    parts = {f"{number}.txt": b"x" * 100 for number in range(20)}
    found, unpacking = parts_of(tarred(parts), "a.tar", max_parts=5)
    assert len(found) == 5
    assert "more than 5 parts" in unpacking.stopped
    found, unpacking = parts_of(zipped({"in.zip": zipped(parts), "z.txt": b"Z"}), "a.zip", max_bytes=3000)
    assert "unpacks to 2,000 bytes" in found["a.zip!/in.zip"]
    assert found["a.zip!/z.txt"] == b"Z"
    with pytest.raises(LoadError, match="unpacks to 2,000 bytes"):
        parts_of(zipped(parts), "a.zip", max_bytes=1500)
    found, _ = parts_of(zipped({"big.txt": b"x" * 300, "a.txt": b"A"}), "a.zip", max_part_bytes=200)
    assert "more than the 200" in found["a.zip!/big.txt"]
    assert found["a.zip!/a.txt"] == b"A"


def test_nesting_ends_at_its_limit():
    data = zipped({"end.txt": b"E"})
    for _ in range(containers.MAX_DEPTH - 1):
        data = zipped({"in.zip": data})
    found, _ = parts_of(data, "a.zip")
    assert list(found) == ["a.zip" + "!/in.zip" * (containers.MAX_DEPTH - 1) + "!/end.txt"]
    deeper, _ = parts_of(zipped({"in.zip": data}), "a.zip")
    assert ["deeper than 4" in reason for reason in deeper.values()] == [True]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(sorted(containers.ARCHIVES | containers.MAILS)), st.booleans())
def test_rubbish_in_any_container_raises_nothing_but_a_load_error(data, suffix, is_cut):
    whole = {".zip": zipped, ".tar": tarred}.get(suffix, lambda parts: data)({"a.txt": data, "b.eml": data})
    for raw in (data, whole[: len(whole) // 2] if is_cut else whole):
        try:
            for part in Unpacking().parts(raw, f"a{suffix}"):
                assert part.name.startswith(f"a{suffix}!/")
        except LoadError as error:
            assert str(error)


class OleWriter:
    """Writes a compound file by hand, version 3: one FAT sector, small streams. Source: [MS-CFB]."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, int, bytes, list]] = [("Root Entry", 5, b"", [])]

    def add(self, parent: int, name: str, content: bytes | None = None) -> int:
        self.entries.append((name, 1 if content is None else 2, content or b"", []))
        self.entries[parent][3].append(len(self.entries) - 1)
        return len(self.entries) - 1

    def bytes(self) -> bytes:
        mini, minifat, starts = b"", [], {}
        for index, (_, kind, content, _) in enumerate(self.entries):
            if kind == 2 and content:
                starts[index] = len(mini) // 64
                n = -(-len(content) // 64)
                mini += content.ljust(64 * n, b"\0")
                minifat += [*range(starts[index] + 1, starts[index] + n), 0xFFFFFFFE]
        directory = b"".join(self._entry(index, starts) for index in range(len(self.entries)))
        directory = directory.ljust(-(-len(directory) // 512) * 512, b"\0")
        table = struct.pack(f"<{len(minifat)}I", *minifat)
        table = table.ljust(-(-len(table) // 512) * 512, b"\xff")
        mini = mini.ljust(-(-len(mini) // 512) * 512, b"\0")
        sizes = [len(directory) // 512, len(table) // 512, len(mini) // 512]
        fat, first = [0xFFFFFFFD], []
        for size in sizes:
            first.append(len(fat))
            fat += [*range(len(fat) + 1, len(fat) + size), 0xFFFFFFFE]
        head = struct.pack(
            "<8s16sHHHHH6x10I", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6,
            0, 1, first[0], 0, 4096, first[1], sizes[1], 0xFFFFFFFE, 0, 0,
        ).ljust(512, b"\xff")  # fmt: skip
        directory = directory[:116] + struct.pack("<II", first[2], len(mini)) + directory[124:]
        return head + struct.pack(f"<{len(fat)}I", *fat).ljust(512, b"\xff") + directory + table + mini

    def _entry(self, index: int, starts: dict[int, int]) -> bytes:
        name, kind, content, children = self.entries[index]
        encoded = name.encode("utf-16-le")
        # Siblings hang in a row to the right: a tree out of balance, but in order, which is what reading needs.
        siblings = next((inside for _, _, _, inside in self.entries if index in inside), [])
        ordered = sorted(siblings, key=lambda i: (len(self.entries[i][0]), self.entries[i][0].upper()))
        right = dict(pairwise(ordered)).get(index, 0xFFFFFFFF)
        below = sorted(children, key=lambda i: (len(self.entries[i][0]), self.entries[i][0].upper()))
        return struct.pack(
            "<64sHBBIII16s4x8x8xIII", encoded, len(encoded) + 2, kind, 1, 0xFFFFFFFF, right, below[0] if below else 0xFFFFFFFF,
            b"", starts.get(index, 0xFFFFFFFE), len(content), 0,
        )  # fmt: skip


def outlook() -> bytes:
    sent = int((datetime(2026, 5, 1, 6, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10**7
    file = OleWriter()
    wide = lambda text: text.encode("utf-16-le")  # noqa: E731
    file.add(0, "__properties_version1.0", bytes(32) + struct.pack("<IIQ", 0x00390040, 0, sent))
    file.add(0, "__substg1.0_0037001F", wide("Válvulas"))
    file.add(0, "__substg1.0_0C1A001F", wide("Ann Lee"))
    file.add(0, "__substg1.0_5D01001F", wide("ann@example.org"))
    file.add(0, "__substg1.0_0E04001E", b"Bob")
    file.add(0, "__substg1.0_1000001F", wide("The valve opens at 40 bar."))
    attached = file.add(0, "__attach_version1.0_#00000000")
    file.add(attached, "__substg1.0_3707001F", wide("prices.csv"))
    file.add(attached, "__substg1.0_37010102", b"a,b\n1,2\n")
    mail = file.add(0, "__attach_version1.0_#00000001")
    inner = file.add(mail, "__substg1.0_3701000D")
    file.add(inner, "__properties_version1.0", bytes(24))
    file.add(inner, "__substg1.0_0037001F", wide("Inner"))
    file.add(inner, "__substg1.0_10130102", "<p>Inner words — 5 €.</p>".encode())
    return file.bytes()


def test_an_outlook_message_with_attachments():
    document = load_bytes(outlook(), "a.msg")
    assert document.text == (
        "From: Ann Lee <ann@example.org>\nTo: Bob\nDate: Fri, 01 May 2026 06:00:00 +0000\nSubject: Válvulas\n"
        "Attachments: prices.csv, Inner.eml\n\nThe valve opens at 40 bar.\n"
    )
    assert document.metadata["created"] == "2026-05-01T06:00:00+00:00"
    found, _ = parts_of(outlook(), "a.msg")
    assert list(found) == ["a.msg!/prices.csv", "a.msg!/Inner.eml"]
    assert found["a.msg!/prices.csv"] == b"a,b\n1,2\n"
    assert "Inner words — 5 €." in load_bytes(found["a.msg!/Inner.eml"], "Inner.eml").text
    assert "40 bar" in load_bytes(outlook(), "a.txt").text, "it is known by its bytes"


@settings(max_examples=60, deadline=None)
@given(changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=8), keep=st.floats(0.2, 1))
def test_an_outlook_message_with_flipped_bytes(changes, keep):
    data = bytearray(outlook())
    for place, value in changes:
        data[int(place * len(data))] = value
    try:
        load_bytes(bytes(data[: int(keep * len(data))]), "a.msg")
    except LoadError as error:
        assert str(error)

"""Outlook's MSG: its properties are put together as an e-mail, which is then read as one.

Source of the property names and their layout: [MS-OXMSG] and [MS-OXPROPS]. A body kept only as compressed RTF is not read.
"""

import io
import struct
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from ingest.errors import LoadError
from ingest.loaders import BROKEN, Loaded
from ingest.loaders.mail import compose, load_message
from ingest.loaders.text import decode

if TYPE_CHECKING:
    from olefile import OleFileIO

_SUBJECT, _SENDER, _SENDER_ADDRESS, _TO, _CC = "0037", "0C1A", "5D01", "0E04", "0E03"
_BODY, _HTML, _RTF = "1000", "1013", "1009"
_FILE, _LONG_NAME, _SHORT_NAME = "3701", "3707", "3704"
_SENT, _DELIVERED = 0x00390040, 0x0E060040
_PROPERTIES = "__properties_version1.0"
_ROOT_HEADER, _INNER_HEADER = 32, 24  # bytes before the first property
_MAX_DEPTH = 4


def load(data: bytes) -> Loaded:
    """Read an MSG file.

    Raises: LoadError when it is none.
    """
    message = parse(data)
    loaded = load_message(message)
    if message["X-Unread-Body"]:
        loaded.warnings.append("its body is kept in a form of Outlook's own that is not read. Export it as EML")
    return loaded


def parse(data: bytes) -> EmailMessage:
    """An MSG file as an e-mail with its attachments.

    Raises: LoadError when it is none.
    """
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            if not file.exists(_PROPERTIES):
                raise LoadError("is no e-mail of Outlook, but another Office file. Give it the suffix of what it is")
            return _message(file, [], _ROOT_HEADER, 0)
    except BROKEN as error:  # olefile raises its own errors as OSError
        raise LoadError(f"is no MSG that can be read: {error}. Export it anew as EML") from error


def _message(file: "OleFileIO", folder: list[str], header: int, depth: int) -> EmailMessage:
    name, address = _string(file, folder, _SENDER), _string(file, folder, _SENDER_ADDRESS)
    headers = {
        "From": f"{name} <{address}>" if name and "@" in address and name != address else name or address,
        "To": _string(file, folder, _TO).replace(";", ","),
        "Cc": _string(file, folder, _CC).replace(";", ","),
        "Date": _date(file, folder, header),
        "Subject": _string(file, folder, _SUBJECT),
    }
    text = _string(file, folder, _BODY)
    markup = _string(file, folder, _HTML) or _decoded(_stream(file, folder, _HTML, "0102"))
    if not text.strip() and not markup.strip() and _stream(file, folder, _RTF, "0102"):
        headers["X-Unread-Body"] = "RTF"
    return compose(headers, text, markup, list(_files(file, folder, depth)))


def _files(file: "OleFileIO", folder: list[str], depth: int) -> list[tuple[str, bytes]]:
    """Name and bytes of each attachment; an attached message is put together as EML."""
    inside = [path for path in file.listdir(streams=False, storages=True) if path[: len(folder)] == folder]
    found = []
    for path in inside:
        if len(path) != len(folder) + 1 or not path[-1].startswith("__attach_version1.0_"):
            continue
        name = _string(file, path, _LONG_NAME) or _string(file, path, _SHORT_NAME)
        inner = [*path, f"__substg1.0_{_FILE}000D"]
        if file.exists([*inner, _PROPERTIES]):
            if depth < _MAX_DEPTH:
                message = _message(file, inner, _INNER_HEADER, depth + 1)
                found.append((f"{name or message['Subject'] or 'message'}.eml", message.as_bytes()))
        else:
            found.append((name or "attachment", _stream(file, path, _FILE, "0102")))
    return found


def _string(file: "OleFileIO", folder: list[str], name: str) -> str:
    """A property of text, kept in UTF-16 or in the code page of the sender."""
    if wide := _stream(file, folder, name, "001F"):
        return wide.decode("utf-16-le", "replace").rstrip("\0")
    return _decoded(_stream(file, folder, name, "001E"))


def _decoded(data: bytes) -> str:
    try:
        return decode(data.rstrip(b"\0"))
    except LoadError:
        return data.decode("cp1252", "replace")


def _stream(file: "OleFileIO", folder: list[str], name: str, kind: str) -> bytes:
    path = [*folder, f"__substg1.0_{name}{kind}"]
    return bytes(file.openstream(path).read()) if file.exists(path) else b""


def _date(file: "OleFileIO", folder: list[str], header: int) -> str:
    """When it was sent, or else delivered: 100 nanoseconds since 1601."""
    path = [*folder, _PROPERTIES]
    raw = file.openstream(path).read()[header:] if file.exists(path) else b""
    times = {tag: value for tag, _, value in struct.iter_unpack("<IIQ", raw[: len(raw) // 16 * 16])}
    ticks = times.get(_SENT) or times.get(_DELIVERED)
    return format_datetime(datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)) if ticks else ""

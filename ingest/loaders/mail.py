"""E-mail as EML: the headers that a reader sees, then the body. Attachments are documents of their own (`ingest.containers`).

Of a body in several forms the plain one is taken; HTML is read as the HTML loader does where there is no other.
"""

import email
import email.policy
import mimetypes
from collections.abc import Iterator
from email.message import EmailMessage, Message
from email.utils import parsedate_to_datetime

from ingest.errors import LoadError
from ingest.loaders import BROKEN, Loaded, html
from ingest.loaders.builder import Builder
from ingest.loaders.text import decode

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_TELLING = frozenset("from to date subject received message-id mime-version return-path content-type".split())
_MIN_PICTURE_BYTES = 20_000


def load(data: bytes) -> Loaded:
    """Read an EML file.

    Raises: LoadError when it has no headers of an e-mail.
    """
    return load_message(parse(data))


def parse(data: bytes) -> Message:
    """Message of an EML file.

    Raises: LoadError when it has no headers of an e-mail.
    """
    message: Message = email.message_from_bytes(data.lstrip(), policy=email.policy.default)
    if not any(name.lower() in _TELLING for name, _ in message.raw_items()):
        raise LoadError("is no e-mail: it has no headers of one. Export it anew from the mail program")
    return message


def load_message(message: Message) -> Loaded:
    """Read a message: headers, the names of its attachments, body."""
    builder = Builder()
    headers = {name: header(message, name) for name in _SHOWN}
    for name, value in headers.items():
        if value:
            builder.line(f"{name}: {value}")
    if names := [name for name, _ in attachments(message)]:
        builder.line(f"Attachments: {', '.join(names)}")
    for part in _bodies(message):
        text = _text(part)
        if part.get_content_type() == "text/html":
            body = html.load(b"\xef\xbb\xbf" + text.encode("utf-8", "replace"))  # decoded once, whatever it declares
        else:
            body = Loaded(text=text.replace("\r\n", "\n").strip("\n"))
        if body.text.strip():
            builder.append(body)
    metadata = {"author": headers["From"], "created": _iso(headers["Date"]), "attachments": ", ".join(names)}
    return builder.finish(title=headers["Subject"], metadata=metadata)


def header(message: Message, name: str) -> str:
    """A header in one line, decoded; one that the parser cannot take apart is given as it stands."""
    try:
        value = str(message.get(name, ""))
    except BROKEN:
        value = next((str(raw) for key, raw in message.raw_items() if key.lower() == name.lower()), "")
    return " ".join(value.split())


def attachments(message: Message) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each attachment; an attached message comes as EML."""
    number = 0
    for part in _leaves(message):
        if _is_body(part):
            continue
        number += 1
        if part.get_content_type() == "message/rfc822":
            attached = part.get_payload()
            inner = next((message for message in attached if isinstance(message, Message)), part)
            yield _file_name(part) or f"{header(inner, 'Subject') or 'message'}.eml", _bytes(inner)
        else:
            suffix = mimetypes.guess_extension(part.get_content_type()) or ""
            payload = part.get_payload(decode=True)
            if part.get_content_maintype() == "image" and part["Content-ID"] and len(payload or b"") < _MIN_PICTURE_BYTES:
                continue  # a logo below a signature
            yield _file_name(part) or f"part-{number}{suffix}", payload if isinstance(payload, bytes) else b""


def _bytes(message: Message) -> bytes:
    try:
        return message.as_bytes(policy=email.policy.compat32)
    except BROKEN:
        return str(message.get_payload()).encode("utf-8", "replace")


def _file_name(part: Message) -> str:
    """Last step of the path that a sender gave as name."""
    try:
        name = part.get_filename() or ""
    except BROKEN:
        return ""
    return " ".join(name.replace("\\", "/").rsplit("/", 1)[-1].split())


def _leaves(message: Message) -> Iterator[Message]:
    """Parts without parts of their own, attached messages whole; of alternatives one."""
    kind = message.get_content_type()
    if not message.is_multipart() or kind == "message/rfc822":
        yield message
        return
    parts = [part for part in message.get_payload() if isinstance(part, Message)]
    if kind == "multipart/alternative":
        plain = [part for part in parts if part.get_content_type() == "text/plain" and _text(part).strip()]
        others = [part for part in parts if part.get_content_type() != "text/plain"]
        parts = [*plain[:1], *(part for part in others if not _is_text(part))] if plain else others[-1:]
    for part in parts:
        yield from _leaves(part)


def _is_text(part: Message) -> bool:
    """True for another form of the same words: HTML, alone or with its pictures."""
    return part.get_content_maintype() == "text" or part.get_content_type() == "multipart/related"


def _is_body(part: Message) -> bool:
    is_attached = part.get_content_disposition() == "attachment" or bool(_file_name(part))
    return part.get_content_type() in ("text/plain", "text/html") and not is_attached


def _bodies(message: Message) -> Iterator[Message]:
    return (part for part in _leaves(message) if _is_body(part))


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        return raw.decode(part.get_content_charset() or "utf-8")
    except (LookupError, ValueError):
        pass
    try:
        return decode(raw)
    except LoadError:
        return raw.decode("cp1252", "replace")


def _iso(date: str) -> str:
    try:
        return parsedate_to_datetime(date).isoformat()
    except BROKEN:
        return ""


def compose(headers: dict[str, str], text: str, markup: str, files: list[tuple[str, bytes]]) -> EmailMessage:
    """A message put together from what another format holds."""
    message = EmailMessage()
    for name, value in headers.items():
        if value.strip():
            message[name] = " ".join(value.split())
    message.set_content(text)
    if markup and not text.strip():
        message.set_content(markup, subtype="html")
    for name, data in files:
        if name.lower().endswith(".eml"):
            message.add_attachment(email.message_from_bytes(data, policy=email.policy.default), filename=name)
        else:
            message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message

"""reStructuredText: the text is the decoded file, its underlined titles are headings. No directive is carried out.

A title is a line with a line of one repeated mark below it, as long at least, and maybe the same above. As the format has it,
each style of marks is a level, in the order in which the file first uses them.
"""

import re

from ingest.documents import Heading
from ingest.loaders import Loaded
from ingest.loaders.text import decode

_MARKS = re.compile(r"([!-/:-@\[-`{-~])\1+")
_FIELD = re.compile(r"^:(author|date):[ \t]+(\S[^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_HEAD_CHARS = 2000  # the fields of a document stand above its text


def load(data: bytes) -> Loaded:
    """Read reStructuredText.

    Raises: LoadError when it is no text.
    """
    text = decode(data)
    fields = {name.lower(): value.strip() for name, value in _FIELD.findall(text[:_HEAD_CHARS])}
    metadata = {"author": fields.get("author", ""), "created": fields.get("date", "")}
    return Loaded(text=text, headings=_headings(text), metadata=metadata)


def _headings(text: str) -> list[Heading]:
    headings: list[Heading] = []
    levels: dict[tuple[str, bool], int] = {}
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    lines = [line.rstrip() for line in lines]
    first_free = 0  # a line that closed a title opens no other
    for below in range(1, len(lines)):
        marks, title = lines[below], lines[below - 1]
        if not _MARKS.fullmatch(marks) or not title.strip() or _MARKS.fullmatch(title) or below - 1 < first_free:
            continue
        has_over = below - 2 >= first_free and lines[below - 2] == marks
        if len(marks) < len(title) or (title[0].isspace() and not has_over):
            continue
        level = levels.setdefault((marks[0], has_over), len(levels) + 1)
        start = starts[below - 1] + len(title) - len(title.lstrip())
        headings.append(Heading(min(level, 6), start, start + len(title.strip())))
        first_free = below + 1
    return headings

"""The front matter of Markdown: a block of YAML between lines of dashes at the top that tells title, author and dates.

Of YAML only what such blocks hold is read: one key a line, plain or quoted, and lists. It knows no Markdown.
"""

import re
from dataclasses import dataclass

_BLOCK = re.compile(r"---[ \t]*\r?\n((?:(?!---|\.\.\.)[^\n]*\n)*?)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)")
_LINE = re.compile(r"\s*(?:#.*|-(?:\s.*)?|[\w .-]+:(?:\s.*)?)?\s*|\s+\S.*")
_KEY = re.compile(r"([\w.-]+)[ \t]*:(?:[ \t]+(.*))?$")
_KEYS = {
    "title": ("title",),
    "author": ("author", "authors"),
    "created": ("date", "created"),
    "modified": ("modified", "updated", "lastmod", "last_modified"),
}


@dataclass(frozen=True)
class FrontMatter:
    """`end`: where the text of the document begins; `about`: title, author, created and modified as far as it tells them."""

    end: int
    about: dict[str, str]


def front_matter(text: str) -> FrontMatter:
    """Read the front matter at the top of a text; none ends at 0."""
    block = _BLOCK.match(text)
    lines = block[1].splitlines() if block else []
    if block is None or not any(_KEY.match(line) for line in lines) or not all(_LINE.fullmatch(line) for line in lines):
        return FrontMatter(0, {})
    values: dict[str, list[str]] = {}
    key = ""
    for line in lines:
        if found := _KEY.match(line):
            key = found[1].lower()
            values[key] = _values((found[2] or "").strip())
        elif key and (item := re.fullmatch(r"\s*-\s+(?:name:\s*)?(.+)", line)):
            values[key] += _values(item[1].strip())
        elif key and line.strip() and line[0].isspace() and values[key]:  # a value that goes on
            values[key][-1] = f"{values[key][-1]} {line.strip()}"
    told = {name: next((", ".join(values[key]) for key in keys if values.get(key)), "") for name, keys in _KEYS.items()}
    return FrontMatter(block.end(), {name: value for name, value in told.items() if value})


def _values(value: str) -> list[str]:
    if value.startswith("[") and value.endswith("]"):
        return [_plain(item.strip()) for item in value[1:-1].split(",") if item.strip()]
    plain = _plain(value)
    return [plain] if plain and plain not in (">", "|", ">-", "|-", "null", "~") else []


def _plain(value: str) -> str:
    """A value without its quotation marks, or without the comment behind it."""
    if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]:
        return value[1:-1].replace("''", "'") if value[0] == "'" else value[1:-1].replace('\\"', '"')
    return re.sub(r"\s+#.*$", "", value)

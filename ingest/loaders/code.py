"""Source code and settings files: the decoded file, its lines never cut. The names of top-level definitions are headings.

Headings are found where a rule is reliable: Python by its own parser, `[section]` lines of TOML and INI. Other languages have
none.
"""

import ast
import re

from ingest.documents import Heading
from ingest.loaders import Loaded
from ingest.loaders.text import decode

_DEFINITION = re.compile(r"(?:async\s+)?(?:def|class)\s+\w+")
_SECTION = re.compile(r"^[ \t]*(\[\[?[^\[\]\r\n]+\]\]?)[ \t]*(?:[#;][^\r\n]*)?(?=\r?$)", re.MULTILINE)


def load(data: bytes) -> Loaded:
    """Read source code of any language.

    Raises: LoadError when it is no text.
    """
    return _loaded(decode(data), [])


def load_python(data: bytes) -> Loaded:
    """Read Python; code that the parser of this Python refuses has no headings.

    Raises: LoadError when it is no text.
    """
    text = decode(data)
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _loaded(text, [])
    lines = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
    headings = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            match = _DEFINITION.match(text, lines[node.lineno - 1])  # at the top level a definition begins its line
            if match:
                headings.append(Heading(1, *match.span()))
    return _loaded(text, headings)


def load_sections(data: bytes) -> Loaded:
    """Read TOML or INI: the line `[section]` is a heading.

    Raises: LoadError when it is no text.
    """
    text = decode(data)
    return _loaded(text, [Heading(1, *match.span(1)) for match in _SECTION.finditer(text)])


def _loaded(text: str, headings: list[Heading]) -> Loaded:
    return Loaded(text=text, language="en", headings=headings, whole_lines=True)

"""Access rules: globs over document names, and who may read what they match. Text in, decisions out; no files, no users.

A line of a rules file is `GLOB: WHO, WHO`, where WHO is a group, `@user`, or `*` for everyone; nobody after the colon means
nobody but administrators. `#` begins a comment. As in the filters of a search `*` also stands for `/`. The last line of a file
that matches decides, so that exceptions follow the rule. A rule for an archive or an e-mail holds for its parts too.

    *: staff
    hr/*: hr, managers
    hr/holidays.md: *
"""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.containers import SEPARATOR, owners
from ingest.manifest import UPLOADS
from rag.access.principals import EVERYONE, LOCAL, is_group, is_name
from rag.errors import AccessError


@dataclass(frozen=True)
class Rule:
    """One line: documents that match `glob` may be read by whoever has one of the tokens in `who`."""

    glob: str
    who: frozenset[str]
    pattern: re.Pattern[str] = field(compare=False)


@dataclass(frozen=True)
class Layer:
    """The rules of one file. With `source` they are for the documents of that source alone, by their names after `prefix`."""

    rules: tuple[Rule, ...]
    source: str | None = None
    prefix: str = ""

    def who(self, document: str, source: str) -> frozenset[str] | None:
        """Who may read a document as this file says; None where it says nothing of it."""
        if self.source not in (None, source):
            return None
        name = document.removeprefix(self.prefix)
        names = [name, *owners(name)]
        for rule in reversed(self.rules):
            if any(rule.pattern.match(candidate) for candidate in names):
                return rule.who
        return None


def parse_rules(text: str, file: str) -> tuple[Rule, ...]:
    """Read the lines of a rules file, of which `file` is the name for messages.

    Raises: AccessError naming the first line that is none.
    """
    rules = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        glob, colon, named = line.rpartition(":")
        who = [part.strip() for part in named.split(",") if part.strip()]
        wrong = next((part for part in who if not _is_who(part)), None)
        if not colon or not glob.strip() or wrong is not None:
            why = f"`{wrong}` is neither a group, `@user` nor `*`" if wrong else "it is not of the form `GLOB: GROUP, GROUP`"
            raise AccessError(
                f"cannot read access rules `{file}`, line {number}: {why}. Until it is put right nobody may read."
            )
        rules.append(Rule(glob.strip(), frozenset(who), re.compile(fnmatch.translate(glob.strip()))))
    return tuple(rules)


class Rules:
    """The rules of all files together. Where several files speak of a document, each must allow it."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = tuple(layer for layer in layers if layer.rules)
        self._known: dict[str, tuple[frozenset[str], ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._layers)

    def allows(self, tokens: frozenset[str], document: str, source: str) -> bool:
        """Say whether somebody with these tokens may read a document; what no rule speaks of is denied once there is a rule.

        An upload of which no rule speaks is for whoever uploaded it.
        """
        if not self._layers:
            return True
        found = self._known.get(document)
        if found is None:
            spoken = (layer.who(document, source) for layer in self._layers)
            found = tuple(who for who in spoken if who is not None)
            if not found and source == UPLOADS:
                found = (frozenset({f"@{owner(document)}"}),)
            self._known[document] = found
        return bool(found) and all(who & tokens for who in found)


def _is_who(token: str) -> bool:
    return token == EVERYONE or (is_name(token[1:]) if token.startswith("@") else is_group(token))


def owner(upload: str) -> str:
    """Who uploaded a document, by its name: `uploads:OWNER/NAME`, or `uploads:NAME` of the local user."""
    file = upload.removeprefix(f"{UPLOADS}:").split(SEPARATOR)[0]
    folder, slash, _ = file.partition("/")
    return folder if slash else LOCAL.name

"""Comments on the cells of a sheet: those that start a thread, and the notes of older files."""

from collections.abc import Mapping
from dataclasses import dataclass

from ingest.errors import LoadError
from ingest.loaders.package import Package, tag_of

_OF_THREAD = "tc="  # instead of an author, in the note that older programs see of a thread


@dataclass(frozen=True)
class CellComment:
    """`cell`: as in `B7`. `author`: empty where nobody is named."""

    cell: str
    author: str
    text: str


def persons_of(package: Package, workbook_part: str) -> dict[str, str]:
    """Names of those who write in threads, by id; none where their part is damaged."""
    part = package.related(workbook_part, "person")
    try:
        persons = list(package.xml(part).iter("{*}person")) if part in package.names else []
    except LoadError:
        return {}
    return {person.get("id", ""): " ".join(person.get("displayName", "").split()) for person in persons}


def comments_on(package: Package, sheet_part: str, persons: Mapping[str, str]) -> tuple[list[CellComment], int]:
    """Comments on a sheet, and how many of their parts are damaged.

    Of a thread, which older programs see as a note too, its entries.
    """
    read: dict[str, list[CellComment]] = {"threadedComment": [], "comments": []}
    n_unread = 0
    for kind, part in package.relations(sheet_part).values():
        if kind in read and part in package.names:
            try:
                read[kind] += _read(package, part, persons)
            except (LoadError, ValueError):
                n_unread += 1
    answered = {comment.cell for comment in read["threadedComment"]}
    return [*read["threadedComment"], *(note for note in read["comments"] if note.cell not in answered)], n_unread


def _read(package: Package, part: str, persons: Mapping[str, str]) -> list[CellComment]:
    """Raises: LoadError when the part is damaged."""
    found = []
    root = package.xml(part)
    authors = [" ".join((author.text or "").split()) for author in root.iterfind("{*}authors/{*}author")]
    for comment in root.iter("{*}comment", "{*}threadedComment"):
        texts = (element.text or "" for element in comment.iter() if tag_of(element) in ("t", "text") and not len(element))
        number = comment.get("authorId", "")
        is_known = number.isdecimal() and int(number) < len(authors)
        author = authors[int(number)] if is_known else persons.get(comment.get("personId", ""), "")
        author = "" if author.startswith(_OF_THREAD) else author
        words = " ".join("".join(texts).split())
        if author and words.startswith(f"{author}:"):  # spreadsheet programs put the name before a note
            words = words[len(author) + 1 :].strip()
        if words:
            found.append(CellComment(comment.get("ref", ""), author, words))
    return found

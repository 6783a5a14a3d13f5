"""Comments on the cells of a sheet: those that start a thread, and the notes of older files."""

from ingest.loaders.package import Package, tag_of


def comments_on(package: Package, sheet_part: str) -> list[tuple[str, str]]:
    """Cell and text of each comment on a sheet; of a thread, which older programs see as a note too, its entries."""
    parts = [(kind, target) for kind, target in package.relations(sheet_part).values() if target in package.names]
    threads = [comment for kind, target in parts if kind == "threadedComment" for comment in _read(package, target)]
    answered = {cell for cell, _ in threads}
    notes = [comment for kind, target in parts if kind == "comments" for comment in _read(package, target)]
    return [*threads, *(note for note in notes if note[0] not in answered)]


def _read(package: Package, part: str) -> list[tuple[str, str]]:
    found = []
    for comment in package.xml(part).iter("{*}comment", "{*}threadedComment"):
        texts = (element.text or "" for element in comment.iter() if tag_of(element) in ("t", "text") and not len(element))
        if words := " ".join("".join(texts).split()):
            found.append((comment.get("ref", ""), words))
    return found

"""A gate for figures that stand in the evidence but are said of something else: the weight of model 200 is not that of 300.

It looks only at labels of one family, such as "Corvo 200" and "Corvo 300" or KX-2210-A and KX-2210-B, which is where documents
of a company invite such mistakes. Everything subtler is left to the support score.
"""

import re
from collections.abc import Collection, Sequence

from ingest.analysis import fold

# A name with a number or letter that tells it from its siblings, and part numbers with a last part that does.
_LABEL = re.compile(r"\b([A-ZÁÉÍÓÚÑ]\w{2,})[ -](\d{1,4}[A-Za-z]?|[A-Z]\d{1,3}|[A-Z]|I{1,3}|IV|V)\b(?![.,]\d)")
_CODE = re.compile(r"\b([A-Z]{1,5}-?\d{2,8})-([A-Z]|\d{1,3})\b")
_MORE = re.compile(
    r"\s*(?:,|/|and|or|y|o|e|und|et)\s*(?:the|el|la|los|las)?\s*(\d{1,4}[A-Za-z]?|[A-Z]\d{1,3})\b(?![.,%]|\s*[€$£])"
)
_LISTING = re.compile(r"(?:\s|,|/|&|\b(?:and|or|y|o|e|the|el|la|los|las|both|ambos)\b)*", re.IGNORECASE)
_ORDINARY = re.compile(
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december|enero|febrero|marzo|abril|mayo|"
    r"junio|julio|agosto|septiembre|octubre|noviembre|diciembre|page|section|table|step|página|sección|tabla|paso|fig|figure|"
    r"chapter|article|the|for|from|with|about|only|over|under|after|before|since|until|los|las|unos|hasta|desde|cada)$"
)

Label = tuple[str, str]
Group = tuple[int, int, frozenset[Label]]


def label_groups(text: str) -> list[Group]:
    """Labels of a text as (family, member), folded; those that are listed together ("Corvo 200 and 300") form one group."""
    found: list[tuple[int, int, set[Label]]] = []
    for pattern in (_CODE, _LABEL):
        for match in pattern.finditer(text):
            family = fold(match[1])
            if _ORDINARY.match(family) or any(start < match.end() and match.start() < end for start, end, _ in found):
                continue
            members, end = {(family, fold(match[2]))}, match.end()
            while more := _MORE.match(text, end):
                members.add((family, fold(more[1])))
                end = more.end()
            found.append((match.start(), end, members))
    groups: list[tuple[int, int, set[Label]]] = []
    for start, end, members in sorted(found, key=lambda item: item[0]):
        if groups and _LISTING.fullmatch(text, groups[-1][1], start):
            groups[-1] = (groups[-1][0], end, groups[-1][2] | members)
        else:
            groups.append((start, end, members))
    return [(start, end, frozenset(members)) for start, end, members in groups]


def is_of_a_sibling(
    wanted: Collection[Label], text: str, sentences: Sequence[tuple[int, int]], places: Sequence[int]
) -> tuple[int, int] | None:
    """Sentence that says a figure of a sibling of what is wanted; None unless every place of the figure does so.

    `places`: positions in `text` where the figure stands; `sentences`: spans of the text's sentences. A figure belongs to the
    labels named last before it in its sentence, or to the first after it where none stands before.
    """
    families = {family for family, _ in wanted}
    rival = None
    for place in places:
        rival = next(((start, end) for start, end in sentences if start <= place < end), None)
        if rival is None:
            return None
        groups = [group for group in label_groups(text[slice(*rival)]) if families & {family for family, _ in group[2]}]
        before = [group for group in groups if group[0] + rival[0] < place]
        owner = before[-1] if before else groups[0] if groups else None
        if owner is None or owner[2] & set(wanted):
            return None
    return rival

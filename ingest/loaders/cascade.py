"""Which declarations of CSS hold for an element of an HTML page: embedded style sheets, its attributes, its inline style.

Selectors may name elements, classes, ids, attributes, `:not()`, parents and ancestors. What this matcher or no file can decide
(siblings, positions, the width of a screen) counts only where it shows something: it must not take away what a reader sees.
States that a pointer brings about, paper and speech do not count. Nothing is fetched. It does not know what the values mean.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lxml import etree

_NAME = r"(?:[\w-]|[^\x00-\x7f]|\\.)+"
_TOKEN = re.compile(r"""/\*.*?(?:\*/|\Z)|<!--|-->|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\\.|[{};]""", re.DOTALL)
_SIMPLE = re.compile(
    rf"""(?P<mark>[\#.])(?P<named>{_NAME})
    |\[\s*(?P<key>{_NAME})\s*(?:(?P<test>[~|^$*]?=)\s*(?P<value>"[^"]*"|'[^']*'|[^\]\s]+)\s*[is]?\s*)?\]
    |:(?P<pseudo>:?{_NAME})(?:\((?P<inner>[^()]*(?:\([^()]*\)[^()]*)*)\))?
    |(?P<tag>{_NAME}|\*)""",
    re.VERBOSE,
)
_COMBINATOR = re.compile(r"\s*([>+~])\s*|\s+")
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|(.))", re.DOTALL)
_DECLARATION = re.compile(r"([\w-]+) ?: ?(.*?) ?(! ?important)?\Z", re.IGNORECASE)
_STATES = frozenset(
    """hover focus active target visited focus-within focus-visible fullscreen before after first-line first-letter selection
    placeholder marker backdrop""".split()
)
_UNREAD = ("noscript", "template", "svg")
_MAX_STEPS = 12  # of a selector: longer ones are none that people write
_MAX_SELECTOR_CHARS = 1_000
_MAX_DEPTH = 32  # of blocks that a damaged sheet leaves open
_SPLIT = {
    "background": ("background-color", "background-image"),
    "font": ("font-size",),
    "overflow": ("overflow-x", "overflow-y"),
}

Declarations = dict[str, str]


@dataclass(frozen=True)
class _Compound:
    """Conditions on one element; `is_sure` is false where some of them are not looked at."""

    tag: str = ""
    marks: tuple[tuple[str, str], ...] = ()  # ("#", id) or (".", class)
    attributes: tuple[tuple[str, str, str], ...] = ()
    unless: tuple["_Compound", ...] = ()
    is_sure: bool = True

    def fits(self, element: etree._Element) -> bool:
        if self.tag and element.tag != self.tag:
            return False
        classes = element.get("class", "").split() if self.marks else ()
        for mark, name in self.marks:
            if name not in classes if mark == "." else element.get("id") != name:
                return False
        if not all(_has(element.get(key), test, value) for key, test, value in self.attributes):
            return False
        return not any(other.fits(element) for other in self.unless)

    def weight(self) -> tuple[int, int, int]:
        """Specificity. Source: W3C Selectors Level 4, section 17."""
        inner = [other.weight() for other in self.unless]
        ids = sum(mark == "#" for mark, _ in self.marks)
        own = (ids, len(self.marks) - ids + len(self.attributes), int(bool(self.tag)))
        return own[0] + sum(w[0] for w in inner), own[1] + sum(w[1] for w in inner), own[2] + sum(w[2] for w in inner)


def _has(found: str | None, test: str, value: str) -> bool:
    if found is None or not test:
        return found is not None
    tests: dict[str, Callable[[], bool]] = {
        "=": lambda: found == value,
        "~=": lambda: value in found.split(),
        "|=": lambda: found == value or found.startswith(f"{value}-"),
        "^=": lambda: bool(value) and found.startswith(value),
        "$=": lambda: bool(value) and found.endswith(value),
        "*=": lambda: bool(value) and value in found,
    }
    return tests[test]()


@dataclass(frozen=True)
class _Rule:
    """Declarations with the compounds of their selector, the last one first; each with what joins it to the one before."""

    steps: tuple[tuple[str, _Compound], ...]
    declarations: tuple[tuple[str, str, bool], ...]  # name, value, is important
    weight: tuple[int, int, int]
    number: int
    is_sure: bool

    def fits(self, element: etree._Element) -> bool:
        if not self.steps[0][1].fits(element):
            return False
        found = [element]  # the innermost first
        for (joined, _), (_, compound) in zip(self.steps, self.steps[1:], strict=False):
            if joined in ("+", "~"):  # siblings are not looked at, nor what stands to the left of them
                return True
            above = [inner.getparent() for inner in found] if joined == ">" else found[0].iterancestors()
            found = [outer for outer in above if outer is not None and compound.fits(outer)]
            if not found:
                return False
        return True


@dataclass
class Cascade:
    """The style sheets of one page.

    `hides(name, value)` tells whether a declaration may take something away from a reader: unsure rules never do.
    """

    hides: Callable[[str, str], bool]
    animations: set[str] = field(default_factory=set)
    _rules: dict[str, list[_Rule]] = field(default_factory=lambda: defaultdict(list))
    _n_rules: int = 0

    def add(self, sheet: str, *, is_sure: bool = True) -> None:
        """Take in a style sheet."""
        for block in _rules(sheet, self.animations):
            declarations = tuple(_declarations(block.body))
            for steps in _selectors(block.prelude) if declarations else ():
                sure = is_sure and block.holds is True and all(compound.is_sure for _, compound in steps)
                sure = sure and not any(joined in ("+", "~") for joined, _ in steps)
                weights = [compound.weight() for _, compound in steps]
                weight = (sum(w[0] for w in weights), sum(w[1] for w in weights), sum(w[2] for w in weights))
                self._n_rules += 1
                rule = _Rule(steps, declarations, weight, self._n_rules, sure)
                last = steps[0][1]
                self._rules["".join(last.marks[0]) if last.marks else last.tag].append(rule)

    def of(self, element: etree._Element, hints: Declarations) -> Declarations:
        """Declarations that hold for an element, by name; `hints` are what its attributes say, which all else outweighs."""
        inline = list(_declarations(element.get("style") or ""))
        if not inline and not self._rules:
            return hints
        held = []
        for rule in self._candidates(element):
            if rule.fits(element):
                for name, value, is_important in rule.declarations:
                    if rule.is_sure or not self.hides(name, value):
                        held.append(((is_important, False, rule.weight, rule.number), name, value))
        held += [((is_important, True, (0, 0, 0), n), name, value) for n, (name, value, is_important) in enumerate(inline)]
        held.sort(key=lambda item: item[0])
        return {**hints, **{name: value for _, name, value in held}}

    def _candidates(self, element: etree._Element) -> Iterator[_Rule]:
        keys = ["", element.tag, *(f".{name}" for name in dict.fromkeys(element.get("class", "").split()))]
        if element.get("id"):
            keys.append(f"#{element.get('id')}")
        for key in keys:
            yield from self._rules.get(key, ())


def is_for_screens(media: str) -> bool | None:
    """Whether a list of media queries holds: yes, no, or None where that depends on the reader's machine."""
    queries = [" ".join(query.lower().split()) for query in media.split(",")]
    if any(query in ("", "all", "screen", "only screen", "only all") for query in queries):
        return True
    return None if any(("(" in query and "print" not in query) or query.startswith("not print") for query in queries) else False


def imports(sheet: str) -> list[tuple[str, str]]:
    """Addresses of the style sheets that one takes in, with their media."""
    found = re.finditer(
        r"""@import\s+(?:url\(\s*)?["']?([^"'()\s;]{1,500})["']?\s{0,9}\)?([^;{}]{0,200});""", sheet, re.IGNORECASE
    )
    return [(match[1], match[2]) for match in found]


@dataclass
class _Block:
    """What stands between braces: a rule's declarations, or rules under a condition."""

    prelude: str
    holds: bool | None  # True for sure, None perhaps, False not
    is_rule: bool
    body: str = ""


def _rules(sheet: str, animations: set[str]) -> Iterator[_Block]:
    """The rules that hold or may hold; those inside of rules are not read."""
    blocks: list[_Block] = []
    text, position = "", 0
    for token in _TOKEN.finditer(sheet + "}" * _MAX_DEPTH):  # what is left open ends with the sheet
        text += sheet[position : token.start()]
        position, mark = token.end(), token.group()
        outer = blocks[-1] if blocks else None
        if mark.startswith("/*") or mark in ("<!--", "-->"):
            continue
        if mark not in ("{", "}", ";"):
            text += mark
            continue
        if mark == "{":
            blocks.append(_opened(text.strip(), outer, animations))
        elif outer is not None and outer.is_rule:
            outer.body += f"{text};"
        if mark == "}" and blocks:
            closed = blocks.pop()
            if closed.is_rule and closed.holds is not False:
                yield closed
        text = ""


def _opened(prelude: str, outer: _Block | None, animations: set[str]) -> _Block:
    holds = outer.holds if outer is not None else True
    if not prelude.startswith("@"):
        return _Block(prelude, False if outer is not None and outer.is_rule else holds, is_rule=True)
    own = _condition(prelude, animations)
    return _Block(prelude, False if False in (own, holds) else None if None in (own, holds) else True, is_rule=False)


def _condition(prelude: str, animations: set[str]) -> bool | None:
    name, _, rest = prelude.partition(" ") if " " in prelude else (prelude, "", "")
    name = name.lower()
    if name.endswith("keyframes"):
        animations.add(rest.strip().strip("\"'"))
    if name.startswith("@media"):
        return is_for_screens(prelude[len("@media") :])
    if name == "@supports":
        return None if rest.strip().lower().startswith("not") else True
    if name == "@container":
        return None
    return name == "@layer"


def _declarations(body: str) -> Iterator[tuple[str, str, bool]]:
    """Name, value and importance; shorthands also under the names of what is looked at of them."""
    for piece in _parts(_COMMENT.sub(" ", body), ";"):
        if match := _DECLARATION.match(" ".join(_plain(piece).split())):
            name, value = match[1].lower(), match[2].lower()
            for each in _SPLIT.get(name, (name,)):
                yield each, value, bool(match[3])


def _selectors(prelude: str) -> Iterator[tuple[tuple[str, _Compound], ...]]:
    """The selectors of a list that can be read and may fit, each from its last compound to its first."""
    for selector in _parts(prelude, ","):
        steps: list[tuple[str, _Compound]] = []
        position, joined, text = 0, "", selector.strip()
        if len(text) > _MAX_SELECTOR_CHARS:
            continue
        while position < len(text):
            compound, position = _compound(text, position)
            if compound is None:
                break
            steps.append((joined, compound))
            combinator = _COMBINATOR.match(text, position)
            if combinator:
                joined, position = combinator[1] or " ", combinator.end()
        else:
            if 0 < len(steps) <= _MAX_STEPS:
                yield tuple(reversed(steps))


def _compound(text: str, position: int) -> tuple[_Compound | None, int]:
    """The compound that stands at a position and where it ends; None where it cannot be read or never fits."""
    start, tag, is_sure = position, "", True
    marks: list[tuple[str, str]] = []
    attributes: list[tuple[str, str, str]] = []
    unless: list[_Compound] = []
    while match := _SIMPLE.match(text, position):
        position = match.end()
        if match["mark"]:
            marks.append((match["mark"], _plain(match["named"])))
        elif match["key"]:
            attributes.append((_plain(match["key"]).lower(), match["test"] or "", _plain((match["value"] or "").strip("\"'"))))
        elif match["tag"]:
            tag = "" if match["tag"] == "*" else _plain(match["tag"]).lower()
        elif match["pseudo"].lstrip(":").lower() in _STATES or match["pseudo"].startswith(":"):
            return None, position
        elif match["pseudo"].lower() == "root":
            tag = "html"
        elif match["pseudo"].lower() == "not" and match["inner"]:
            others = [_compound(other.strip(), 0) for other in _parts(match["inner"], ",")]
            whole = [other for other, _ in others if other is not None and other.is_sure]
            unless += whole
            is_sure = is_sure and len(whole) == len(others)
        elif match["pseudo"].lower() not in ("link", "any-link"):
            is_sure = False
    if position == start:
        return None, position
    return _Compound(tag, tuple(marks), tuple(attributes), tuple(unless), is_sure), position


def _parts(text: str, mark: str) -> list[str]:
    """Text apart at a mark, but not inside of brackets."""
    parts, depth, start = [], 0, 0
    for found in re.finditer(rf"[()\[\]{mark}]", text):
        if found.group() == mark and depth == 0:
            parts.append(text[start : found.start()])
            start = found.end()
        elif found.group() != mark:
            depth = max(0, depth + (1 if found.group() in "([" else -1))
    return [*parts, text[start:]]


def _plain(name: str) -> str:
    return _ESCAPE.sub(_unescaped, name)


def _unescaped(match: re.Match[str]) -> str:
    if match[2]:
        return match[2]
    code = int(match[1], 16)
    return chr(code) if 0 < code < 0x110000 else "\ufffd"


def sheets_of(root: etree._Element) -> Iterator[tuple[etree._Element, bool]]:
    """Elements that bring style sheets for screens, embedded or linked, with whether these hold for sure."""
    for element in root.iter("style", "link"):
        kinds = (element.get("rel") or "").lower().split()
        holds = is_for_screens(element.get("media") or "")
        is_sheet = element.tag == "style" or ("stylesheet" in kinds and "alternate" not in kinds)
        if is_sheet and holds is not False and not any(outer.tag in _UNREAD for outer in element.iterancestors()):
            yield element, holds is True

"""Who asks: a name, the groups it belongs to, and what it may do. It knows nothing of how that was proved."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

# ask: questions, searches and checks; read: documents and their pages; write: uploads; admin: everything, all documents.
Scope = Literal["ask", "read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
How = Literal["anonymous", "key", "session", "proxy"]
EVERYONE = "*"
# Directories name people by e-mail address or by subjects such as `auth0|5f7c`. A name is that of a folder too (uploads).
_NAME = re.compile(r"[A-Za-z0-9][\w.@+|-]{0,127}")
_MAX_GROUP = 128
_NOT_IN_GROUPS = frozenset(",:")  # they divide the names in a line of rules


def is_name(text: str) -> bool:
    """True for what a user or a key may be called."""
    return _NAME.fullmatch(text) is not None


def is_group(text: str) -> bool:
    """True for what a group may be called: one line such as `Human Resources` or `/hr`, never like `@user` or `*`."""
    is_line = 0 < len(text) <= _MAX_GROUP and text.isprintable() and text == text.strip()
    return is_line and text[0] not in "@*" and not _NOT_IN_GROUPS.intersection(text)


@dataclass(frozen=True)
class Principal:
    """Somebody who asks. `name` is unique over users and keys; `how` is what the request was proved by."""

    name: str
    groups: frozenset[str]
    scopes: frozenset[Scope]
    how: How

    @property
    def is_admin(self) -> bool:
        """True for those who may see and do everything."""
        return "admin" in self.scopes

    def may(self, scope: Scope) -> bool:
        """Say whether a scope was granted; `admin` holds them all."""
        return self.is_admin or scope in self.scopes

    @property
    def tokens(self) -> frozenset[str]:
        """The names by which an access rule may mean this principal: everyone, its groups, and `@name`."""
        return self.groups | {EVERYONE, f"@{self.name}"}


# Who asks where no authentication is required: the user of this machine, who is in no group.
LOCAL = Principal("local", frozenset(), frozenset(SCOPES) - {"admin"}, "anonymous")

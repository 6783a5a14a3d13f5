"""`rag keys` and `rag users`: who may use the server. They write the server's database, which a running server reads anew."""

import argparse
import getpass
import sys
from typing import TYPE_CHECKING, Any

from rich.table import Table

from ingest.terminal import Terminal
from rag.access.principals import SCOPES
from rag.commands.common import Commands, Parents, print_json
from rag.config import RagConfig
from rag.errors import InputError

if TYPE_CHECKING:
    from rag.access.accounts import Accounts


def add(commands: Commands, parents: Parents) -> None:
    """Add the subcommands."""
    keys = commands.add_parser("keys", help="make, list and revoke keys of the API").add_subparsers(required=True)
    create = keys.add_parser("create", parents=[parents.common], help="make a key; it is shown once")
    create.add_argument("name")
    _rights(create, ["ask", "read"])
    create.add_argument("--user", help="the key stands for this user, with the user's groups and at most the user's scopes")
    create.add_argument("--days", type=float, help="valid for so many days (default: until it is revoked)")
    create.set_defaults(run=_create_key)
    keys.add_parser("list", parents=[parents.common], help="every key, without its secret").set_defaults(run=_list_keys)
    revoke = keys.add_parser("revoke", parents=[parents.common], help="make a key worthless, at once")
    revoke.add_argument("name")
    revoke.set_defaults(run=_revoke_key)
    users = commands.add_parser("users", help="add, list and remove users who log in").add_subparsers(required=True)
    added = users.add_parser("add", parents=[parents.common], help="add a user; the password is asked for, or read from stdin")
    added.add_argument("name")
    _rights(added, ["ask", "read"])
    added.set_defaults(run=_add_user)
    users.add_parser("list", parents=[parents.common], help="every user").set_defaults(run=_list_users)
    for word, run, told in (("remove", _remove_user, "remove a user"), ("passwd", _set_password, "change a password")):
        parser = users.add_parser(word, parents=[parents.common], help=told)
        parser.add_argument("name")
        parser.set_defaults(run=run)


def _rights(parser: argparse.ArgumentParser, default: list[str]) -> None:
    told = ", ".join(default)
    parser.add_argument("--scope", action="append", choices=SCOPES, help=f"what is allowed; may be repeated (default: {told})")
    parser.add_argument("--group", action="append", default=[], help="a group of the access rules; may be repeated")


def _accounts(config: RagConfig) -> "Accounts":
    from rag.access.accounts import Accounts
    from rag.access.database import Database

    return Accounts(Database.of(config.server.state))


def _create_key(options: argparse.Namespace, config: RagConfig) -> int:
    key = _accounts(config).create_key(options.name, _scopes(options), options.group, options.user, options.days)
    if options.json:
        print_json({"name": options.name, "key": key})
    else:
        print(key)
        print("Keep it: it is not shown again. Send it as `Authorization: Bearer KEY`.", file=sys.stderr)
    return 0


def _list_keys(options: argparse.Namespace, config: RagConfig) -> int:
    found = [key.to_json() for key in _accounts(config).all_keys()]
    return _show(options, found, ["name", "scopes", "groups", "user", "created", "expires", "revoked"])


def _revoke_key(options: argparse.Namespace, config: RagConfig) -> int:
    _accounts(config).revoke_key(options.name)
    return _done(options, "revoked", options.name)


def _add_user(options: argparse.Namespace, config: RagConfig) -> int:
    _accounts(config).add_user(options.name, _password(), _scopes(options), options.group)
    return _done(options, "added", options.name)


def _list_users(options: argparse.Namespace, config: RagConfig) -> int:
    return _show(options, [user.to_json() for user in _accounts(config).users()], ["name", "scopes", "groups", "created"])


def _remove_user(options: argparse.Namespace, config: RagConfig) -> int:
    _accounts(config).remove_user(options.name)
    return _done(options, "removed", options.name)


def _set_password(options: argparse.Namespace, config: RagConfig) -> int:
    _accounts(config).set_password(options.name, _password())
    return _done(options, "changed", options.name)


def _scopes(options: argparse.Namespace) -> Any:
    return options.scope or ["ask", "read"]


def _password() -> str:
    """A password from the terminal, asked for twice, or the first line of stdin; never from the command line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise InputError("cannot take the password: both were not the same. Try again.")
    return first


def _show(options: argparse.Namespace, rows: list[dict[str, Any]], columns: list[str]) -> int:
    if options.json:
        for row in rows:
            print_json(row)
        return 0
    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*(", ".join(row[c]) if isinstance(row[c], tuple) else row[c] or "" for c in columns))
    Terminal(highlight=False, soft_wrap=True).print(table)
    return 0


def _done(options: argparse.Namespace, what: str, name: str) -> int:
    if options.json:
        print_json({what: name})
    else:
        print(f"{what} {name}")
    return 0

import pytest

from rag.access.accounts import Accounts
from rag.access.database import Database
from rag.access.rules import Layer, Rules, owner, parse_rules
from rag.errors import AccessError

RULES = """
# everything is for staff, but for what follows
*: staff
hr/*: hr, @ana
hr/holidays.md: *
secret/*:
post.zip: hr
"""


def rules(text=RULES, **more):
    return Rules([Layer(parse_rules(text, "rules"), **more)])


@pytest.mark.parametrize(
    ("document", "who", "is_allowed"),
    [
        ("a.md", "staff", True),
        ("a.md", "sales", False),
        ("hr/pay/a.md", "hr", True),
        ("hr/pay/a.md", "staff", False),
        ("hr/pay/a.md", "@ana", True),
        ("hr/holidays.md", "sales", True),
        ("secret/a.md", "staff", False),
        ("post.zip!/a/b.eml!/c.pdf", "hr", True),
        ("post.zip!/a/b.eml!/c.pdf", "staff", False),
    ],
)
def test_the_last_rule_that_matches_decides(document, who, is_allowed):
    assert rules().allows(frozenset({who, "*"}), document, "docs") is is_allowed


def test_groups_and_users_go_by_the_names_that_directories_give_them():
    found = rules("hr/*: Human Resources, /hr/managers, @ana@example.org, @auth0|5f7c")
    for who in ("Human Resources", "/hr/managers", "@ana@example.org", "@auth0|5f7c"):
        assert found.allows(frozenset({who}), "hr/a.md", "docs") is True
    assert found.allows(frozenset({"Human", "ana@example.org", "*"}), "hr/a.md", "docs") is False


def test_what_no_rule_speaks_of_is_denied_once_there_is_a_rule():
    assert rules("hr/*: hr").allows(frozenset({"hr", "*"}), "other.md", "docs") is False
    assert rules("# nothing\n\n").allows(frozenset(), "other.md", "docs") is True


def test_where_two_files_speak_both_must_allow_and_each_speaks_of_its_own_source():
    both = Rules(
        [
            Layer(parse_rules("docs:hr/*: hr\n*: *", "a")),
            Layer(parse_rules("hr/*: managers", "b"), source="docs", prefix="docs:"),
        ]
    )
    assert both.allows(frozenset({"hr", "*"}), "docs:hr/a.md", "docs") is False
    assert both.allows(frozenset({"hr", "managers", "*"}), "docs:hr/a.md", "docs") is True
    assert both.allows(frozenset({"*"}), "hr/a.md", "other") is True


def test_an_upload_is_its_owners_unless_a_rule_says_otherwise():
    own, others = frozenset({"*", "@ana"}), frozenset({"*", "@bob"})
    assert rules("hr/*: hr").allows(own, "uploads:ana/a.zip!/b.md", "uploads") is True
    assert rules("hr/*: hr").allows(others, "uploads:ana/a.md", "uploads") is False
    assert rules("uploads:ana/*: *").allows(others, "uploads:ana/a.md", "uploads") is True
    assert (owner("uploads:a.zip!/x/b.md"), owner("uploads:ana/b.md")) == ("local", "ana")


@pytest.mark.parametrize("line", ["no colon", ": hr", "hr/*: @two words", "hr/*: hr, **", "hr/*: @"])
def test_a_line_that_is_no_rule_is_named(line):
    with pytest.raises(AccessError, match="`rules`, line 2"):
        parse_rules(f"*: *\n{line}\n", "rules")


@pytest.fixture
def accounts(tmp_path):
    return Accounts(Database.of(tmp_path / "state"))


def test_what_is_kept_of_a_key_does_not_open_anything(accounts, tmp_path):
    key = accounts.create_key("one", ["ask"], ["hr"])
    principal = accounts.by_key(key)
    assert (principal.name, principal.groups, principal.scopes) == ("key-one", {"hr"}, {"ask"})
    assert key.split("_", 2)[2] not in str(accounts.all_keys())
    assert (tmp_path / "state" / "server.db").stat().st_mode & 0o077 == 0
    for wrong in ("", "rag_", key[:-1], key + "x", key.replace(key[4:16], "0" * 12)):
        assert accounts.by_key(wrong) is None
    with pytest.raises(AccessError, match="there was one"):
        accounts.create_key("one", ["ask"])


def test_a_key_of_a_user_can_never_do_more_than_the_user(accounts):
    accounts.add_user("ana", "correct horse battery", ["ask"], ["hr"])
    principal = accounts.by_key(accounts.create_key("two", ["ask", "admin"], user="ana"))
    assert (principal.name, principal.scopes, principal.groups) == ("ana", {"ask"}, {"hr"})


@pytest.mark.parametrize(
    ("name", "password", "scopes", "said"),
    [
        ("a b", "correct horse battery", ["ask"], "a b"),
        ("../a", "correct horse battery", ["ask"], "letters"),
        ("local", "correct horse battery", ["ask"], "kept for"),
        ("key-a", "correct horse battery", ["ask"], "kept for"),
        ("a", "short", ["ask"], "characters"),
        ("a", "correct horse battery", ["everything"], "everything"),
    ],
)
def test_users_that_cannot_be(accounts, name, password, scopes, said):
    with pytest.raises(AccessError, match=said):
        accounts.add_user(name, password, scopes)
    assert accounts.users() == []


@pytest.mark.parametrize("name", ["@ana", "*", "a,b", "a:b", " a", "a\nb", "a\u202eb", "", "x" * 129])
def test_no_directory_makes_a_group_that_rules_take_for_a_user_or_for_everyone(accounts, name):
    principal = accounts.by_proxy("ana@example.org", [name, "Human Resources"])
    assert principal.tokens == {"*", "@ana@example.org", "Human Resources"}
    with pytest.raises(AccessError, match="cannot use the group"):
        accounts.create_key("one", ["ask"], [name])


@pytest.mark.parametrize("name", ["../ana", "a/b", "a\\b", "@ana", ".ana", "a b", "a\n", "", "x" * 129, "local", "key-one"])
def test_a_name_is_never_a_path_nor_one_of_our_own(accounts, name):
    assert accounts.by_proxy(name, []) is None
    assert accounts.log_in_outsider(name, [], 1) is None

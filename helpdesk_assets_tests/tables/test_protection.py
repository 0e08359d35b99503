"""What hashing, masking and dropping make of the fields of a row."""

import hmac
from typing import Any

import pytest

from helpdesk_assets.profiles.protection import ColumnSpec, rules_of
from helpdesk_assets.tables.protection import Protect, Protection

KEY = "key-of-the-hashes-0815"
Row = dict[str, Any]


def hashed(text: str, key: str = KEY) -> str:
    return hmac.new(key.encode(), text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def protection(
    columns: dict[str, Protect], fields: dict[str, str] | None = None, key: str = KEY
) -> Protection:
    specs = {name: ColumnSpec(protect=how) for name, how in columns.items()}
    return Protection(rules_of(specs, fields or {}), key)


def protected(columns: dict[str, Protect], row: Row, **fields: str) -> Row:
    (found,) = protection(columns, fields).rows([row])
    return found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Jane@x.example", "Jane@x.example"),
        (" jane@x.example", " jane@x.example"),
        ("", ""),
        (7, "7"),
        ("7", "7"),
        (7.5, "7.5"),
        (2**70, str(2**70)),
        (True, "true"),
        ("half \ud83d", "half \ud83d"),
        ({"b": 1, "a": "é"}, '{"a":"é","b":1}'),
    ],
)
def test_a_hash_is_of_the_value_as_text(value: Any, text: str) -> None:
    assert protected({"who": "hash"}, {"who": value}) == {"who": hashed(text)}


def test_another_key_gives_another_hash() -> None:
    (row,) = protection({"who": "hash"}, key="another-key-4711").rows([{"who": "a"}])

    assert row == {"who": hashed("a", "another-key-4711")} != {"who": hashed("a")}


@pytest.mark.parametrize("how", ["hash", "mask"])
def test_null_stays_null(how: Protect) -> None:
    row = {"who": None, "all": [None]}

    assert protected({"who": how, "all": how}, row) == row


def test_what_is_dropped_is_not_there_even_as_null() -> None:
    assert protected({"a": "drop", "b.c": "drop"}, {"a": None, "b": {"c": 1, "d": 2}}) == {
        "b": {"d": 2}
    }


def test_a_mask_says_nothing_of_its_value() -> None:
    row: Row = {"a": "Jane", "b": 7, "c": {"jane": 1}, "d": ["Jane", None, {"jane": 1}]}

    assert protected({"a": "mask", "b": "mask", "c": "mask", "d": "mask"}, row) == {
        "a": "***",
        "b": "***",
        "c": "***",
        "d": ["***", None, "***"],
    }


def test_fields_of_objects_and_of_objects_in_lists_are_protected() -> None:
    row = {
        "id": 1,
        "requester": {"id": 2, "email": "a"},
        "comments": [{"author": {"email": "a", "id": 3}}, {"author": None}, {}],
        "cc": ["a", "b"],
    }

    found = protected(
        {"requester.email": "hash", "comments[*].author.email": "hash", "cc": "hash"}, row
    )

    assert found == {
        "id": 1,
        "requester": {"id": 2, "email": hashed("a")},
        "comments": [{"author": {"email": hashed("a"), "id": 3}}, {"author": None}, {}],
        "cc": [hashed("a"), hashed("b")],
    }
    assert row["cc"] == ["a", "b"], "paging compares the rows that were sent"


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("requester.email", {"requester": {"email": "jane"}}),
        ("requester__email", {"requester": {"email": "jane"}}),
        ("requester__email", {"Requester": {"E-Mail": "no", "Email": "jane"}}),
        ("requester_email", {"requesterEmail": "jane"}),
        ("Phone__c", {"Phone__c": "jane"}),
        ("phone_c", {"Phone__c": "jane"}),
        ("pochta", {"почта": "jane"}),
        ("['a.b'].c", {"a.b": {"c": "jane"}}),
        ("contact", {"people": [{"mail": "jane"}]}),
        ("people[0].mail", {"people": [{"mail": "jane"}]}),
    ],
)
def test_a_field_is_named_by_its_path_or_by_its_column(name: str, row: Row) -> None:
    found = protected({name: "mask"}, row, contact="people[0].mail")

    assert "jane" not in str(found)
    assert "***" in str(found)


def test_a_column_is_not_the_object_with_its_name() -> None:
    row = {"name": {"full": "jane", "title": "Dr."}}

    assert protected({"name": "mask"}, row, name="name.full") == {
        "name": {"full": "***", "title": "Dr."}
    }


def test_a_column_and_another_field_with_its_name_are_both_protected() -> None:
    row = {"phone": "jane", "contact": {"phone": "jane"}}

    assert protected({"phone": "mask"}, row, phone="contact.phone") == {
        "phone": "***",
        "contact": {"phone": "***"},
    }


@pytest.mark.parametrize("how", ["hash", "mask", "drop"])
def test_what_stands_where_an_object_was_expected_is_protected(how: Protect) -> None:
    found = protected(
        {"who.mail": how, "all[*].mail": how}, {"id": 1, "who": "jane", "all": ["jane", 4711]}
    )

    assert "jane" not in str(found)
    assert "4711" not in str(found)
    assert found["id"] == 1


def test_the_name_of_a_column_does_not_protect_a_field_with_the_start_of_that_name() -> None:
    row = {"Phone": "kept", "Phone__c": "jane"}

    assert protected({"Phone__c": "mask"}, row) == {"Phone": "kept", "Phone__c": "***"}


def test_rules_apply_to_the_items_of_lists_by_number() -> None:
    found = protection({"people[*].mail": "mask", "years": "mask"})

    assert found.applies_to(("people", "0", "mail"))
    assert found.applies_to(("years", "2026"))
    assert not found.applies_to(("people", "0", "id"))
    assert not found.applies_to(("2026",))


def test_of_several_rules_the_strictest_applies() -> None:
    row = {"who": "jane"}

    assert protected({"who": "hash", "['who']": "drop"}, row) == {}
    assert protected({"who.a": "hash", "who.b": "mask"}, row) == {"who": "***"}


def test_rules_without_a_field_are_known() -> None:
    found = protection({"mail": "mask", "phone": "mask", "who.name": "drop"})
    found.rows([{"phone": None, "who": {}}])

    assert found.not_found == ["mail", "who.name"]


def test_without_rules_the_rows_are_the_same() -> None:
    rows = [{"who": "jane"}]

    assert Protection().rows(rows) is rows
    assert Protection().fingerprint == ""


def test_the_fingerprint_is_of_rules_and_key() -> None:
    fingerprints = {
        protection({"a": "hash"}).fingerprint,
        protection({"a": "hash"}, key="another").fingerprint,
        protection({"a": "mask"}).fingerprint,
        protection({"b": "hash"}).fingerprint,
        protection({"a": "hash", "b": "hash"}).fingerprint,
    }

    assert len(fingerprints) == 5
    assert protection({"a": "mask"}, key="x").fingerprint == protection({"a": "mask"}).fingerprint

"""Hashing, masking and dropping the fields of a row."""

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
def test_hash_is_computed_from_the_value_as_text(value: Any, text: str) -> None:
    assert protected({"who": "hash"}, {"who": value}) == {"who": hashed(text)}


def test_another_key_gives_another_hash() -> None:
    (row,) = protection({"who": "hash"}, key="another-key-4711").rows([{"who": "a"}])

    assert row == {"who": hashed("a", "another-key-4711")} != {"who": hashed("a")}


@pytest.mark.parametrize("how", ["hash", "mask"])
def test_null_stays_null(how: Protect) -> None:
    row = {"who": None, "all": [None]}

    assert protected({"who": how, "all": how}, row) == row


def test_dropped_field_is_removed_even_if_it_is_null() -> None:
    assert protected({"a": "drop", "b.c": "drop"}, {"a": None, "b": {"c": 1, "d": 2}}) == {
        "b": {"d": 2}
    }


def test_mask_is_independent_of_the_value() -> None:
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
def test_rule_names_a_field_by_path_or_by_column(name: str, row: Row) -> None:
    found = protected({name: "mask"}, row, contact="people[0].mail")

    assert "jane" not in str(found)
    assert "***" in str(found)


def test_rule_for_a_column_does_not_apply_to_the_object_of_that_name() -> None:
    row = {"name": {"full": "jane", "title": "Dr."}}

    assert protected({"name": "mask"}, row, name="name.full") == {
        "name": {"full": "***", "title": "Dr."}
    }


def test_column_and_field_with_the_same_name_are_both_protected() -> None:
    row = {"phone": "jane", "contact": {"phone": "jane"}}

    assert protected({"phone": "mask"}, row, phone="contact.phone") == {
        "phone": "***",
        "contact": {"phone": "***"},
    }


@pytest.mark.parametrize("how", ["hash", "mask", "drop"])
def test_value_in_place_of_an_object_is_protected(how: Protect) -> None:
    found = protected(
        {"who.mail": how, "all[*].mail": how}, {"id": 1, "who": "jane", "all": ["jane", 4711]}
    )

    assert "jane" not in str(found)
    assert "4711" not in str(found)
    assert found["id"] == 1


def test_rule_for_a_column_does_not_apply_to_a_field_with_a_prefix_of_its_name() -> None:
    row = {"Phone": "kept", "Phone__c": "jane"}

    assert protected({"Phone__c": "mask"}, row) == {"Phone": "kept", "Phone__c": "***"}


def test_rules_apply_to_the_items_of_lists_by_number() -> None:
    found = protection({"people[*].mail": "mask", "years": "mask"})

    assert found.applies_to(("people", "0", "mail"))
    assert found.applies_to(("years", "2026"))
    assert not found.applies_to(("people", "0", "id"))
    assert not found.applies_to(("2026",))


def test_strictest_of_several_rules_applies() -> None:
    row = {"who": "jane"}

    assert protected({"who": "hash", "['who']": "drop"}, row) == {}
    assert protected({"who.a": "hash", "who.b": "mask"}, row) == {"who": "***"}


def test_rules_that_match_no_field_are_listed() -> None:
    found = protection({"mail": "mask", "phone": "mask", "who.name": "drop"})
    found.rows([{"phone": None, "who": {}}])

    assert found.not_found == ["mail", "who.name"]


def test_rows_are_not_copied_without_rules() -> None:
    rows = [{"who": "jane"}]

    assert Protection().rows(rows) is rows
    assert Protection().fingerprint == ""


def test_fingerprint_depends_on_rules_and_key() -> None:
    fingerprints = {
        protection({"a": "hash"}).fingerprint,
        protection({"a": "hash"}, key="another").fingerprint,
        protection({"a": "mask"}).fingerprint,
        protection({"b": "hash"}).fingerprint,
        protection({"a": "hash", "b": "hash"}).fingerprint,
    }

    assert len(fingerprints) == 5
    assert protection({"a": "mask"}, key="x").fingerprint == protection({"a": "mask"}).fingerprint

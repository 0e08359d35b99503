"""Profiles with a mistake: an error message with file, line and remedy, before any request."""

import re
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from helpdesk_assets.profiles import BUILT_IN, load_profile
from helpdesk_assets_tests.conftest import Sandbox, error_of

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

GOOD = (BUILT_IN / "default.yaml").read_text()
AUTH = GOOD[GOOD.index("    type: api_key") : GOOD.index("resource_defaults:")]


def refresh(changed: str = "") -> str:
    """Return the section for a refresh token, with one line changed."""
    lines = {
        "type": "type: oauth2_refresh_token",
        "access_token_url": "access_token_url: /oauth/token",
        "client_id": "client_id: desk",
        "client_secret": 'client_secret: dlt.secrets["client_secret"]',
        "refresh_token": 'refresh_token: dlt.secrets["refresh_token"]',
    }
    if changed:
        lines[changed.partition(":")[0]] = changed
    return "".join(f"    {line}\n" for line in lines.values())


def line_of(text: str) -> int:
    (line,) = [n for n, line in enumerate(GOOD.splitlines(), 1) if line.strip() == text]
    return line


BROKEN = {
    "a key that is misspelled": (
        ("data_selector: data", "data_selektor: data"),
        "data_selector: data",
        "unknown setting resources.0.endpoint.data_selektor: did you mean data_selector?",
    ),
    "a key that is unknown": (
        ("        limit: 100", "        limit: 100\n        colour: red"),
        None,
        "unknown setting resources.0.endpoint.paginator.colour: choose one of has_more_path,",
    ),
    "a key that is missing": (
        ("      path: /v1/tickets\n", ""),
        "endpoint:",
        "path is missing in resources.0.endpoint: add it",
    ),
    "a number that is none": (
        ("limit: 100", "limit: many"),
        "limit: 100",
        "resources.0.endpoint.paginator.limit must be a valid integer",
    ),
    "a page of one row": (
        ("limit: 100", "limit: 1"),
        "limit: 100",
        "resources.0.endpoint.paginator.limit must be greater than or equal to 2",
    ),
    "paging of no known kind": (
        ("type: offset", "type: sideways"),
        "paginator:",
        "resources.0.endpoint.paginator has an unknown type: its type must be one of"
        " 'offset', 'page_number', 'cursor', 'json_link', 'header_link'",
    ),
    "a list at another host": (
        ("path: /v1/tickets", "path: http://other.example/v1/tickets"),
        "path: /v1/tickets",
        "resources.0.endpoint.path needs a path relative to the base URL, such as /v1/tickets",
    ),
    "a list at another host by two slashes": (
        ("path: /v1/tickets", "path: //other.example/v1/tickets"),
        "path: /v1/tickets",
        "resources.0.endpoint.path needs a path relative to the base URL, such as /v1/tickets",
    ),
    "a list at another host by backslashes": (
        ("path: /v1/tickets", r"path: \\other.example\v1"),
        "path: /v1/tickets",
        "resources.0.endpoint.path needs",
    ),
    "a key that stands there twice": (
        ("      path: /v1/tickets\n", "      path: /v1/tickets\n      path: /v2/tickets\n"),
        None,
        "duplicate key path: remove one of them",
    ),
    "a letter that YAML does not take": (("path: /v1", "path: \x00/v1"), None, "invalid YAML"),
    "a date that is none": (
        ("limit: 100", "limit: 2026-13-45"),
        "limit: 100",
        "limit must be a valid integer",
    ),
    "brackets without an end": (
        ("limit: 100", f"limit: {'[' * 3000}{']' * 3000}"),
        None,
        "nested too deeply",
    ),
    "a secret in the file": (
        ('dlt.secrets["api_key"]', "sk-planted-7Qx9"),
        'api_key: dlt.secrets["api_key"]',
        'client.auth.api_key needs dlt.secrets["..."], because a profile must not contain secrets',
    ),
    "a secret in a header, misspelled": (
        ("    location: query\n", "    location: query\n  headers:\n    X-Key: dlt.secrets['k']\n"),
        None,
        'client.headers.X-Key needs secrets in the form dlt.secrets["..."], with double quotes',
    ),
    "a header of two lines": (
        ("    location: query\n", '    location: query\n  headers:\n    X-Key: "a\\nb"\n'),
        None,
        "client.headers.X-Key needs a value on one line",
    ),
    "authentication of no known kind": (
        ("type: api_key", "type: oauth2"),
        "auth:",
        "client.auth has an unknown type: its type must be one of 'api_key', 'bearer', "
        "'http_basic', 'oauth2_client_credentials', 'oauth2_refresh_token'",
    ),
    "a token at no address": (
        (AUTH, refresh("access_token_url: login.example.com/token")),
        None,
        "line 5: client.auth.access_token_url needs a path after the base URL, such as",
    ),
    "a token at another host by two slashes": (
        (AUTH, refresh("access_token_url: //login.example.com/token")),
        None,
        "client.auth.access_token_url needs a path after the base URL, such as",
    ),
    "a password in the address of a token": (
        (AUTH, refresh("access_token_url: https://me:planted@login.example.com/token")),
        None,
        "client.auth.access_token_url needs a path after the base URL, such as",
    ),
    "a secret in the address of a token": (
        (AUTH, refresh('access_token_url: /token/dlt.secrets["k"]')),
        None,
        "client.auth.access_token_url needs a plain value, because a secret reference would be",
    ),
    "a refresh token in the file": (
        (AUTH, refresh("refresh_token: sk-planted-7Qx9")),
        None,
        'line 8: client.auth.refresh_token needs dlt.secrets["..."], because a profile must not',
    ),
    "no refresh token": (
        (AUTH, refresh("refresh_token:").replace("    refresh_token:\n", "")),
        None,
        "line 3: refresh_token is missing in client.auth: add it",
    ),
    "a client authenticated by no known way": (
        (AUTH, f"{refresh()}    client_authentication: header\n"),
        None,
        "line 9: client.auth.client_authentication must be 'body' or 'basic'",
    ),
    "a secret among the parameters": (
        (
            "      data_selector",
            '      params:\n        key: dlt.secrets["k"]\n      data_selector',
        ),
        None,
        "resources.0.endpoint.params.key needs a plain value, because a secret",
    ),
    "a field that is not expected": (
        ("      status: status\n", ""),
        "- name: help_desk_tickets",
        "resources.0 needs the path of status under fields",
    ),
    "a path with all items of a list": (
        ("status: status", "status: status[*]"),
        "status: status",
        "resources.0.fields.status must be a path such as meta.count",
    ),
    "a type that there is none of": (
        ("      id: id", "      id: {path: id, type: uuid}"),
        "id: id",
        "resources.0.fields.id.type must be 'bigint', 'text', 'timestamp', 'double' or 'bool'",
    ),
    "another write disposition": (
        ("write_disposition: merge", "write_disposition: replace"),
        "write_disposition: merge",
        "resource_defaults.write_disposition must be 'merge'",
    ),
    "no resource": (
        (GOOD[GOOD.index("resources:") :], "resources: []\n"),
        "resources:",
        "resources must",
    ),
    "a name that is taken": (
        ("name: help_desk_tickets", "name: ticket_backlog"),
        "- name: help_desk_tickets",
        "resources.0.name needs another name, because this project uses it for its own tables",
    ),
    "no tickets": (
        ("name: help_desk_tickets", "name: users"),
        "resources:",
        "resources needs a resource named help_desk_tickets",
    ),
    "two of a name": (
        (
            GOOD[GOOD.index("  - name") :],
            GOOD[GOOD.index("  - name") :] + GOOD[GOOD.index("  - name") :],
        ),
        None,
        "resources.1.name needs another name, because this one is taken",
    ),
    "an id of what is not listed": (
        (
            GOOD[GOOD.index("  - name") :],
            GOOD[GOOD.index("  - name") :]
            + GOOD[GOOD.index("  - name") :]
            .replace("help_desk_tickets", "notes")
            .replace("/v1/tickets", "/v1/{resources.people.id}/notes"),
        ),
        None,
        "resources.1.endpoint.path needs the name of a resource that has no parent itself: one of"
        " help_desk_tickets",
    ),
    "braces around something else": (
        ("path: /v1/tickets", "path: /v1/{desk}/tickets"),
        "path: /v1/tickets",
        "needs a path with one placeholder such as {resources.help_desk_tickets.id}",
    ),
    "a key that is no field": (
        (
            GOOD[GOOD.index("  - name") :],
            GOOD[GOOD.index("  - name") :]
            + GOOD[GOOD.index("  - name") :].replace(
                "name: help_desk_tickets", "name: slas\n    primary_key: [id, metric]"
            ),
        ),
        None,
        "resources.1.primary_key needs names of its fields, and metric is not one of them",
    ),
    "a key of JSON": (
        ("      id: id\n", "      id: {path: id, type: json}\n"),
        None,
        "resources.0.fields.id.type needs another type, because rows are merged on it",
    ),
    "another key of tickets": (
        ("name: help_desk_tickets", "name: help_desk_tickets\n    primary_key: status"),
        None,
        "resources.0.primary_key needs to be id alone, because ticket ids are unique",
    ),
    "a field for what is solved that there is none of": (
        ("client:", "solved_field: state\nclient:"),
        None,
        "solved_field needs the name of one of the fields of help_desk_tickets: id, subject,",
    ),
    "a spelling of times that there is none of": (
        ("client:", "format: unix\nclient:"),
        None,
        "format needs one of iso, epoch_seconds, epoch_milliseconds, or a pattern such as",
    ),
    "a time zone that there is none of": (
        ("client:", "time_zone: Europe/Berlim\nclient:"),
        None,
        "time_zone needs an IANA time zone name, such as Europe/Berlin or UTC",
    ),
    "a protection that there is none of": (
        ("    fields:\n", "    columns:\n      phone: {protect: encrypt}\n    fields:\n"),
        None,
        "resources.0.columns.phone.protect must be 'hash', 'mask' or 'drop'",
    ),
    "a column without its protection": (
        ("    fields:\n", "    columns:\n      phone: {}\n    fields:\n"),
        None,
        "protect is missing in resources.0.columns.phone: add it",
    ),
    "something else of a column": (
        ("    fields:\n", "    columns:\n      phone: {protect: mask, protekt: 1}\n    fields:\n"),
        None,
        "unknown setting resources.0.columns.phone.protekt: did you mean protect?",
    ),
    "columns that are misspelled": (
        ("    fields:\n", "    colums:\n      phone: {protect: mask}\n    fields:\n"),
        None,
        "unknown setting resources.0.colums: did you mean columns?",
    ),
    "a protected field that is no path": (
        ("    fields:\n", "    columns:\n      a..b: {protect: mask}\n    fields:\n"),
        None,
        "resources.0.columns.a..b must be a path such as meta.count",
    ),
    "a protected key": (
        (
            "      created_at: created_at",
            "      created_at: created_at\n    columns: {id: {protect: hash}}",
        ),
        None,
        "resources.0.columns.id needs to be removed, because id identifies rows, so it has to stay",
    ),
    "a protected object with the key": (
        (
            "    fields:\n      id: id\n",
            "    columns: {meta: {protect: drop}}\n    fields:\n      id: meta.number\n",
        ),
        None,
        "resources.0.columns.meta needs to be removed, because id identifies rows",
    ),
    "a protected id of the parent": (
        (
            GOOD[GOOD.index("  - name") :],
            GOOD[GOOD.index("  - name") :]
            + GOOD[GOOD.index("  - name") :]
            .replace("help_desk_tickets", "notes\n    primary_key: id")
            .replace("/v1/tickets", "/v1/{resources.help_desk_tickets.id}/notes")
            + "    columns: {_help_desk_tickets_id: {protect: hash}}\n",
        ),
        None,
        "resources.1.columns._help_desk_tickets_id needs to be removed, because _help_desk_tickets",
    ),
    "a protected time of creation": (
        (
            "      created_at: created_at",
            "      created_at: at\n    columns: {at: {protect: mask}}",
        ),
        None,
        "resources.0.columns.at needs to be removed, because created_at has to stay a time, which",
    ),
    "a protected column that says what is deleted": (
        (
            "    fields:\n",
            "    deleted_rows: {status: [trash]}\n    columns: {status: {protect: hash}}\n"
            "    fields:\n",
        ),
        None,
        "resources.0.columns.status needs to be removed, because deleted_rows compares status",
    ),
    "names of fields from nowhere": (
        (
            "    fields:\n",
            "    field_names: {resource: form, name: title, values: custom}\n    fields:\n",
        ),
        None,
        "resources.0.field_names.resource needs a further resource, which lists the fields",
    ),
    "names of fields from another list": (
        (
            GOOD[GOOD.index("  - name") :],
            GOOD[GOOD.index("  - name") :]
            + "    field_names: {resource: form, name: title, values: custom}\n"
            + GOOD[GOOD.index("  - name") :].replace("help_desk_tickets", "forms"),
        ),
        None,
        "field_names.resource needs the name of another resource, which lists the fields: one of"
        " forms",
    ),
    "names of fields in no column": (
        (
            GOOD[GOOD.index("  - name") :],
            GOOD[GOOD.index("  - name") :]
            + "    field_names: {resource: forms, name: title, values: custom}\n"
            + GOOD[GOOD.index("  - name") :].replace("help_desk_tickets", "forms"),
        ),
        None,
        "resources.0.field_names.name needs a column of forms: one of id, subject, status",
    ),
    "names of fields without values": (
        ("    fields:\n", "    field_names: {resource: forms, name: title}\n    fields:\n"),
        None,
        "values is missing in resources.0.field_names: add it",
    ),
    "a view with the name of a table": (
        (
            GOOD[GOOD.index("  - name") :],
            GOOD[GOOD.index("  - name") :]
            + "    field_names: {resource: forms, name: subject, values: custom}\n"
            + GOOD[GOOD.index("  - name") :].replace("help_desk_tickets", "forms")
            + GOOD[GOOD.index("  - name") :].replace("_tickets", "_tickets_named"),
        ),
        None,
        "resources.0.field_names needs to be removed, because help_desk_tickets_named is",
    ),
    "no YAML": (
        ("    location: query", "    location: [query"),
        None,
        "invalid YAML (",
    ),
    "nothing": (
        (GOOD, ""),
        None,
        "the profile must be a valid dictionary",
    ),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_mistake_is_reported_with_line_and_remedy(mistake: str, tmp_path: Path) -> None:
    (right, wrong), at, expected = BROKEN[mistake]
    assert right in GOOD
    file = tmp_path / "desk.yaml"
    file.write_text(GOOD.replace(right, wrong))
    with pytest.raises(dg.Failure) as raised:
        load_profile(str(file))
    message = str(raised.value.description)

    assert message.startswith(f"{file}, line ")
    assert expected in message
    assert "\n" not in message
    assert "planted" not in message
    if at:
        assert f"line {line_of(at)}:" in message
    assert re.search(r"line \d+: ", message)


def test_missing_profile_is_reported(tmp_path: Path) -> None:
    with pytest.raises(dg.Failure, match=r"cannot be read \(No such file or directory\): set"):
        load_profile(str(tmp_path / "desk.yaml"))
    with pytest.raises(dg.Failure, match="Unknown profile 'zendesc'; did you mean zendesk"):
        load_profile("zendesc")


def test_run_with_an_invalid_profile_sends_no_requests(
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(GOOD.replace("limit: 100", "limit: many"))
    monkeypatch.setenv("SOURCES__HELP_DESK__PROFILE", str(file))
    desk = sandbox()
    connect(desk)

    assert f"{file}, line {line_of('limit: 100')}: " in error_of(sync())
    assert desk.queries == []

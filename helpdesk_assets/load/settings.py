"""The validated settings of one load, and what follows from them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from helpdesk_assets.load.incremental import Filter
from helpdesk_assets.profiles.client import with_secrets
from helpdesk_assets.profiles.model import Profile
from helpdesk_assets.profiles.resource import LISTED_BY, Resource, parent_column
from helpdesk_assets.tables.inner import INDEX, InnerRows
from helpdesk_assets.tables.only import OnlyRows
from helpdesk_assets.tables.paths import path_of
from helpdesk_assets.tables.protection import Protection
from helpdesk_assets.tables.schema import Table


@dataclass(frozen=True)
class Settings:
    """The validated settings of a run; see HelpDeskApi.

    Attributes:
        resource: the resource to read.
        table: the table to load it into.
        changes: how to request changed rows; None without incremental loading.
        hash_key: the key of hashes; empty if the resource has none.
    """

    profile: Profile
    resource: Resource
    table: Table
    base_url: str
    secrets: Mapping[str, str] = field(repr=False)
    changes: Filter | None
    pages_in_flight: int
    requests_per_second: float | None
    rejected_share: float
    deleted_share: float
    hash_key: str = field(default="", repr=False)

    @property
    def protection(self) -> Protection:
        """The protection of the resource's fields."""
        return Protection(self.resource.rules, self.hash_key)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request, with their secrets."""
        headers = self.profile.client.headers
        return {
            name: with_secrets(text, self.secrets.__getitem__) for name, text in headers.items()
        }

    def read_from(self) -> tuple[str, str]:
        """Return hashes of the base URL and of the list's description in the profile.

        They identify the list that a watermark belongs to; a base URL may contain a secret.
        The latter ends with the fingerprint of its protection, if any.
        """
        described = self.resource.model_dump_json(exclude_defaults=True)
        values = f"{self.profile.format} {self.profile.time_zone}"
        if self.profile.null_values:
            values += f" {self.profile.null_values}"
        fingerprint = self.protection.fingerprint
        profile = _hash(f"{described} {values}") + (fingerprint and f"-{fingerprint}")
        return _hash(self.base_url.rstrip("/")), profile

    def inner_rows(self) -> InnerRows | None:
        """Return what takes rows out of outer ones; None if the rows are those of the list."""
        resource = self.resource
        if not (resource.endpoint.inner_paths or INDEX in resource.key):
            return None
        return InnerRows(
            self.table,
            resource.endpoint.inner_paths,
            outer={name: path_of(path) for name, path in resource.outer.items()},
            carried=[LISTED_BY, *([parent_column(resource.parent)] if resource.parent else [])],
        )

    def only_rows(self) -> OnlyRows | None:
        """Return what skips the rows that are not stored; None if all are stored."""
        if not self.resource.only_rows:
            return None
        key = [column.field for column in self.table.columns if column.primary_key]
        return OnlyRows(self.resource.allowed, key)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

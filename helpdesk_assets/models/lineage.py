"""Which loaded tables and models a model is built from, as assets and column by column."""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from helpdesk_assets.desk import HelpDesk
from helpdesk_assets.models.model import ID, Model
from helpdesk_assets.models.sources import Sources
from helpdesk_assets.profiles.model import Profile
from helpdesk_assets.tables.schema import DELETED_AT, TABLE, Table
from helpdesk_assets.tables.vocabulary import ROLES


def tables_by_role(profile: Profile) -> Mapping[str, Sequence[str]]:
    """Return the names of a profile's tables by role."""
    return {role: [resource.name for resource in profile.with_role(role)] for role in ROLES}


class Lineage:
    """The assets and columns that a desk's models are built from."""

    def __init__(self, desk: HelpDesk, models: Sequence[Model], tables: Sequence[Table]) -> None:
        self.desk = desk
        self.models = {model.name: model for model in models}
        self.columns = {
            table.name: {
                DELETED_AT: "",
                **{column.name: column.duckdb_type for column in table.columns},
            }
            for table in tables
        }
        roles: dict[str, list[str]] = {
            role: [table.name for table in tables if table.role == role] for role in ROLES
        }
        self.sources = Sources(self.columns, roles)

    def parents(self, model: Model) -> Iterator[dg.AssetKey]:
        """Yield the keys of the loaded tables and models that a model reads."""
        for read in model.reads:
            names = [read] if read in self.models else self.sources.tables(read)
            yield from (self.desk.asset_key(name) for name in names)

    def tables(self, models: Sequence[Model]) -> Sequence[str]:
        """Return the names of the loaded tables that models read."""
        read = dict.fromkeys(read for model in models for read in model.reads)
        return [
            table for each in read if each not in self.models for table in self.sources.tables(each)
        ]

    def types(self, model: Model) -> Sequence[tuple[str, str]]:
        """Return name and type of a model's columns, as far as they are known before a run."""
        return [
            (column.name, self.sources.id_type if column.duckdb_type == ID else column.duckdb_type)
            for column in model.columns
        ]

    def of(self, model: Model, sources: Sources | None = None) -> dg.TableColumnLineage:
        """Return the column lineage of a model.

        Args:
            model: the model.
            sources: the loaded tables. Default: those that the profile describes.
        """
        return dg.TableColumnLineage(
            {
                column.name: [
                    dg.TableColumnDep(self.desk.asset_key(table), name)
                    for each in column.of
                    for table, name in self._places(each, sources or self.sources)
                ]
                for column in model.columns
            }
        )

    def _places(self, column: str, sources: Sources) -> Iterator[tuple[str, str]]:
        table, _, name = column.rpartition(".")
        table = table or TABLE
        if table in self.models:
            yield table, name
        for each in sources.tables(table):
            if name in sources.columns[each]:
                yield each, name


def column_schema(model: Model, columns: Sequence[tuple[str, str]]) -> dg.TableSchema:
    """Describe the columns of a model for the Dagster UI.

    Args:
        model: has the descriptions.
        columns: name and DuckDB type of each.
    """
    known = {column.name: column for column in model.columns}
    return dg.TableSchema(
        [
            dg.TableColumn(
                name,
                kind,
                known[name].description if name in known else None,
                dg.TableColumnConstraints(nullable=known[name].nullable if name in known else True),
            )
            for name, kind in columns
        ]
    )

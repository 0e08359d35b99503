"""A lake that tests load into."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb

from helpdesk_assets.resources import HelpDeskWarehouse
from helpdesk_assets_tests.conftest import Warehouse

CREDENTIALS = "DESTINATION__DUCKLAKE__CREDENTIALS"
NAME = "lake"


class Lake(Warehouse):
    """A lake with its data files in a folder.

    Args:
        files: the folder of the data files.
        catalog: the address of the catalog.
    """

    def __init__(self, files: Path, catalog: str) -> None:
        super().__init__(files)
        self.catalog = catalog

    @property
    def variables(self) -> Mapping[str, str]:
        return {
            f"{CREDENTIALS}__DUCKLAKE_NAME": NAME,
            f"{CREDENTIALS}__CATALOG": self.catalog,
            f"{CREDENTIALS}__STORAGE__BUCKET_URL": str(self.path),
            "DESTINATION__DUCKLAKE__LOCK_TIMEOUT": "60",
        }

    def connect(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return HelpDeskWarehouse().writer()

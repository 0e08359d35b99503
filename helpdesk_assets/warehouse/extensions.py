"""DuckDB's extensions, from the Python packages that contain them.

A package such as ``duckdb-extension-ducklake`` contains the extension for one version of DuckDB. It
is loaded from there, so that nothing has to be downloaded or installed in the home folder. An
extension that was installed in DuckDB itself is used otherwise.
"""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import duckdb

from helpdesk_assets.errors import setting_failure


def loadable(names: Iterable[str]) -> list[str]:
    """Return what DuckDB loads for extensions: the path of a file in quotes, or the name.

    Args:
        names: the extensions by their names in DuckDB, such as ``postgres_scanner``.

    Raises:
        dg.Failure: an extension is not installed.
    """
    return [_packaged(name) or _installed(name) for name in names]


def _packaged(name: str) -> str | None:
    spec = find_spec(f"duckdb_extension_{name}")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        version = Path(folder) / "extensions" / f"v{duckdb.__version__}"
        path = version / f"{name}.duckdb_extension"
        if path.exists():
            return "'" + str(path).replace("'", "''") + "'"
    return None


def _installed(name: str) -> str:
    with duckdb.connect() as connection:
        found = connection.execute(
            "select installed from duckdb_extensions() where extension_name = ?", [name]
        ).fetchall()
    if found != [(True,)]:
        package = f"duckdb-extension-{name.replace('_', '-')}"
        raise setting_failure(
            f"DuckDB {duckdb.__version__} has no extension {name} here: pip install {package}, for "
            f"a version of DuckDB that it supports, or install it in DuckDB itself, once for each "
            f"user: python -c \"import duckdb; duckdb.execute('install {name}')\"."
        )
    return name

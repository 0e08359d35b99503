"""The place that the report page is written to: a local file, or an address that fsspec knows."""

import glob
import shutil
import time
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

import dagster as dg
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.exceptions import MissingDependencyException
from dlt.common.storages.configuration import FilesystemConfiguration
from dlt.common.storages.fsspec_filesystem import fsspec_from_config

from helpdesk_assets.errors import setting_failure
from helpdesk_assets.settings import failure_for

# Seconds after which a temporary file is considered abandoned.
LEFT_BEHIND = 3600


def write_to(address: str, body: bytes, *, desk: str) -> None:
    """Write a page, so that readers see the page before or the new one.

    Args:
        address: an absolute local path, or an address such as s3://bucket/report.html.
        body: the page.
        desk: the help desk whose settings have the credentials for the address, in
            ``[reports.help_desk.credentials]``, as dlt describes them for its filesystem
            (https://dlthub.com/docs/dlt-ecosystem/destinations/filesystem).

    Raises:
        dg.Failure: the page cannot be written.
    """
    try:
        if is_local(address):
            _write_file(Path(address), body)
        else:
            _write_object(address, body, desk=desk)
    except dg.Failure as failure:
        raise failure_for(desk, failure) from None


def is_local(address: str) -> bool:
    """Return whether an address is a local path."""
    return not urlsplit(address).scheme


def _write_file(path: Path, body: bytes) -> None:
    try:
        _remove_leftovers(path)
        # The temporary file has an unpredictable name and is private; the permissions of the page
        # that it replaces are kept.
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as beside:
            new = Path(beside.name)
            try:
                beside.write(body)
                if path.exists():
                    shutil.copymode(path, new)
                new.replace(path)
            except BaseException:
                new.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise setting_failure(
            f"The report cannot be written to {path} ({error.strerror}): set "
            "REPORTS__HELP_DESK__PATH to a file in an existing, writable folder."
        ) from None


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files of runs that were killed while writing this page."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        with suppress(OSError):
            if left.is_file() and time.time() - left.lstat().st_mtime > LEFT_BEHIND:
                left.unlink()


def _write_object(address: str, body: bytes, *, desk: str) -> None:
    try:
        config = resolve_configuration(
            FilesystemConfiguration(),
            sections=("reports", desk),
            explicit_value={"bucket_url": address},
        )
        filesystem, path = fsspec_from_config(config)
        # From a file, because fsspec then tells object stores its type by its name, and browsers
        # show the page instead of saving it.
        with NamedTemporaryFile(suffix=Path(path).suffix) as page:
            page.write(body)
            page.flush()
            filesystem.put_file(page.name, path)
    except MissingDependencyException:
        scheme = urlsplit(address).scheme
        raise setting_failure(
            f"The report cannot be written to {address}, because the package for such addresses "
            f"is not installed: pip install 'dlt[{scheme}]', or set REPORTS__HELP_DESK__PATH to "
            "another place."
        ) from None
    except ConfigurationException:
        raise setting_failure(
            f"The credentials for writing the report to {address} are missing or invalid: set them "
            "under [reports.help_desk.credentials] in .dlt/secrets.toml."
        ) from None
    except Exception as error:
        # Each kind of storage has its own errors, whose texts may contain credentials.
        raise setting_failure(
            f"The report cannot be written to {address} ({type(error).__name__}): check that "
            "REPORTS__HELP_DESK__PATH is an address that exists, and that the credentials under "
            "[reports.help_desk.credentials] may write to it."
        ) from None

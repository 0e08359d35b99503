"""The report page in a store that has the API of S3."""

from collections.abc import Iterator
from typing import Any

import boto3
import dagster as dg
import pytest
from moto.server import ThreadedMotoServer

from helpdesk_assets.reports.place import write_to

pytestmark = pytest.mark.scale
SECRET = "planted-7Qx9"
CREDENTIALS = "REPORTS__HELP_DESK__CREDENTIALS"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start a store with the bucket ``reports``, and return a client of it."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "aws_access_key_id": "loader",
        "aws_secret_access_key": SECRET,
        "region_name": "us-east-1",
        "endpoint_url": f"http://{host}:{port}",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"{CREDENTIALS}__{name.upper()}", value)
    client = boto3.client("s3", **settings)
    client.create_bucket(Bucket="reports")
    yield client
    server.stop()


def test_page_in_the_store_is_replaced_and_shown_by_browsers(store: Any) -> None:
    for text in ("the page before", "the page of today"):
        write_to("s3://reports/today/page.html", text.encode(), desk="help_desk")
    found = store.get_object(Bucket="reports", Key="today/page.html")

    assert found["Body"].read().decode() == "the page of today"
    assert found["ContentType"] == "text/html"


def test_error_message_about_the_store_contains_no_credentials(store: Any) -> None:
    with pytest.raises(dg.Failure) as caught:
        write_to("s3://nowhere/page.html", b"", desk="help_desk")

    assert "(FileNotFoundError)" in str(caught.value.description)
    assert SECRET not in str(caught.value.description)

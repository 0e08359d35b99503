"""A lake with its data files in an object store."""

from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import dagster as dg
import pytest
from moto.server import ThreadedMotoServer

from helpdesk_assets_tests.conftest import Sandbox, everything_logged
from helpdesk_assets_tests.scale.places import CREDENTIALS, Lake

pytestmark = [
    pytest.mark.scale,
    pytest.mark.parametrize("warehouse", ["lake"], indirect=True),
]

StartSandbox = Callable[..., Sandbox]
Connect = Callable[[Sandbox], None]
Sync = Callable[[], dg.ExecuteInProcessResult]

SECRET = "s3-planted-7Lk2"


@pytest.fixture
def store() -> Iterator[str]:
    """Serve an object store with an empty bucket, and return its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def test_files_are_in_the_object_store(
    store: str,
    sandbox: StartSandbox,
    connect: Connect,
    sync: Sync,
    warehouse: Lake,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=store,
        aws_access_key_id="loader",
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="lake")
    desk = sandbox(tickets=120)
    connect(desk)
    monkeypatch.setenv(f"{CREDENTIALS}__STORAGE__BUCKET_URL", "s3://lake/help_desk")
    of_store = f"{CREDENTIALS}__STORAGE__CREDENTIALS"
    monkeypatch.setenv(f"{of_store}__AWS_ACCESS_KEY_ID", "loader")
    monkeypatch.setenv(f"{of_store}__AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv(f"{of_store}__ENDPOINT_URL", store)
    monkeypatch.setenv(f"{of_store}__REGION_NAME", "us-east-1")
    first = sync()
    desk.desk.tickets.pop()
    second = sync()

    assert first.success
    assert second.success
    counts = "select count(*), count(deleted_at) from help_desk.help_desk_tickets"
    assert warehouse.query(counts) == [(120, 1)]
    objects = client.list_objects_v2(Bucket="lake", Prefix="help_desk/")["Contents"]
    assert any(found["Key"].endswith(".parquet") for found in objects)
    assert not warehouse.path.exists()
    assert SECRET not in everything_logged(instance, first) + everything_logged(instance, second)

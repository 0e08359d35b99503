"""The files in deploy/, checked by the tools that there are for them."""

import subprocess
from pathlib import Path

import dagster as dg
import pytest
import yaml
from compose_spec import PyOptions
from dagster_k8s import K8sRunLauncher

from helpdesk_assets_tests.conftest import BIN, PROJECT

pytestmark = pytest.mark.scale
DEPLOY = PROJECT / "deploy"


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    linted = subprocess.run(
        [BIN / "hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False
    )

    assert (linted.stdout, linted.returncode) == ("", 0)


def test_compose_file_follows_the_compose_specification() -> None:
    text = (DEPLOY / "docker-compose.yaml").read_text()
    PyOptions(apply_merge=True).from_yaml(text).validate()

    with pytest.raises(ValueError, match="restrat"):
        PyOptions(apply_merge=True).from_yaml(text.replace("restart", "restrat")).validate()


def test_run_launcher_of_the_chart_accepts_the_values_for_it(tmp_path: Path) -> None:
    values = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text())
    given = values["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]
    # As the chart writes it.
    instance = {
        "run_launcher": {
            "module": "dagster_k8s",
            "class": "K8sRunLauncher",
            "config": {
                "load_incluster_config": False,
                "kubeconfig_file": str(tmp_path / "kubeconfig"),
                "service_account_name": "dagster",
                "dagster_home": "/opt/dagster/dagster_home",
                "instance_config_map": "dagster-instance",
                "postgres_password_secret": "dagster-postgresql-secret",
                "run_k8s_config": {"container_config": given["containerConfig"]},
            },
        }
    }
    (tmp_path / "kubeconfig").write_text(
        "{apiVersion: v1, kind: Config, current-context: here, users: [{name: me, user: {}}],"
        " clusters: [{name: here, cluster: {server: 'http://127.0.0.1:9'}}],"
        " contexts: [{name: here, context: {cluster: here, user: me}}]}"
    )
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(instance))
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        launcher = made.run_launcher

        assert isinstance(launcher, K8sRunLauncher)
        assert launcher.supports_check_run_worker_health

"""The files in deploy/ agree with each other, with the package, and with their documentation.

The tests in scale run the services, and check the files with the tools for them.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster_cloud_cli.config.models import load_dagster_cloud_yaml

from helpdesk_assets_tests.conftest import PROJECT

DEPLOY = PROJECT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = (DEPLOY / "docker-compose.yaml").read_text()
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE)["services"]
HELM = (DEPLOY / "helm-values.yaml").read_text()
INSTANCE = (DEPLOY / "dagster.yaml").read_text()
# What Dagster's chart documents of these sections: https://github.com/dagster-io/dagster, folder
# helm/dagster/schema.
OF_CHART: dict[str, set[str]] = {
    "": {
        "concurrency",
        "dagster-user-deployments",
        "dagsterDaemon",
        "postgresql",
        "runLauncher",
        "telemetry",
    },
    "concurrency": {"enabled", "pools", "runs"},
    "concurrency.pools": {"defaultLimit", "granularity", "opGranularityRunBuffer"},
    "concurrency.runs": {"maxConcurrentRuns", "tagConcurrencyLimits"},
    "dagster-user-deployments": {"deployments", "enableSubchart", "enabled", "imagePullSecrets"},
    "dagsterDaemon": {"runMonitoring", "runRetries"},
    "dagsterDaemon.runMonitoring": {
        "cancelTimeoutSeconds",
        "enabled",
        "freeSlotsAfterRunEndSeconds",
        "maxResumeRunAttempts",
        "pollIntervalSeconds",
        "startTimeoutSeconds",
    },
    "dagsterDaemon.runRetries": {"enabled", "maxRetries"},
    "postgresql": {"enabled", "postgresqlHost", "postgresqlPassword", "postgresqlScheme"},
    "runLauncher": {"config", "type"},
    "runLauncher.config": {"k8sRunLauncher"},
    "runLauncher.config.k8sRunLauncher": {
        "envConfigMaps",
        "envSecrets",
        "envVars",
        "imagePullPolicy",
        "loadInclusterConfig",
        "runK8sConfig",
        "volumeMounts",
        "volumes",
    },
    "telemetry": {"enabled"},
}
OF_CODE_LOCATION = {
    "dagsterApiGrpcArgs",
    "env",
    "envSecrets",
    "image",
    "includeConfigInLaunchedRuns",
    "name",
    "port",
    "resources",
    "securityContext",
}


def pins(lock: Path) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)(?:\[[\w, -]+\])?==(\S+)", lock.read_text(), re.M)
    return dict(found)


def test_image_has_the_packages_that_the_tests_in_scale_have() -> None:
    of_image = pins(DEPLOY / "requirements.lock").items()
    tested = pins(PROJECT / "helpdesk_assets_tests" / "scale" / "requirements.lock").items()

    assert {"dagster", "dagster-celery", "dagster-k8s", "duckdb"} <= dict(of_image).keys()
    assert of_image - tested == set()


def test_image_copies_only_files_that_exist_and_that_docker_may_read() -> None:
    copied = {
        name.removeprefix("./").rstrip("/")
        for words in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M)
        for name in words.split()
    }
    allowed = re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.M)

    assert copied == set(allowed)
    assert all((PROJECT / name).exists() for name in copied)
    assert not any(name.endswith((".env", "secrets.toml")) for name in copied)


def test_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\d+)$", DOCKERFILE, re.M)

    assert users == ["10001"]
    assert f"--uid {users[0]}" in DOCKERFILE
    # Nothing that needs root follows.
    assert "RUN" not in DOCKERFILE.partition("USER")[2]


@pytest.mark.parametrize("service", SERVICES)
def test_service_is_restarted_and_its_health_is_checked(service: str) -> None:
    of_image = SERVICES[service]["image"] == "helpdesk-assets" and "HEALTHCHECK" in DOCKERFILE

    assert "healthcheck" in SERVICES[service] or of_image
    assert SERVICES[service]["restart"] == "unless-stopped"


def test_only_the_ui_is_published_and_only_to_this_machine() -> None:
    published = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}

    assert published == {"webserver": ["127.0.0.1:3000:3000"]}


def test_example_of_env_has_every_variable_of_the_services() -> None:
    example = (DEPLOY / ".env.example").read_text()
    used = set(re.findall(r"\$\{(\w+)", COMPOSE)) | {"COMPOSE_PROFILES", "API_KEY"}

    assert used <= set(re.findall(r"^(?:# )?(\w+)=", example, re.M))
    # Secrets are filled in by hand.
    assert re.findall(r"^(\w*(?:PASSWORD|KEY))=(.*)$", example, re.M) == [
        ("POSTGRES_PASSWORD", ""),
        ("API_KEY", ""),
    ]


def test_every_service_of_dagster_has_the_variables_of_the_instance() -> None:
    needed = set(re.findall(r"env: (\w+)", INSTANCE)) - set(re.findall(r"(\w+)=/", DOCKERFILE))
    of_dagster = [each for each in SERVICES.values() if each["image"] == "helpdesk-assets"]

    assert len(needed) == 5
    assert len(of_dagster) == 4
    for service in of_dagster:
        assert needed <= service["environment"].keys()


def test_workspace_names_the_service_of_the_code_location_and_its_port() -> None:
    (location,) = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]

    assert location["grpc_server"]["host"] in SERVICES
    assert f'"--port", "{location["grpc_server"]["port"]}"' in DOCKERFILE


def test_helm_values_have_only_what_the_chart_documents() -> None:
    values = yaml.safe_load(HELM)
    unknown = {}
    for section, documented in OF_CHART.items():
        part = values
        for name in filter(None, section.split(".")):
            part = part[name]
        unknown[section] = set(part) - documented
    (location,) = values["dagster-user-deployments"]["deployments"]

    assert {name for names in unknown.values() for name in names} == set()
    assert set(location) <= OF_CODE_LOCATION
    assert [*location["dagsterApiGrpcArgs"], str(location["port"])] == [
        "--module-name",
        "helpdesk_assets",
        "4000",
    ]


def test_chart_of_helm_has_the_version_of_dagster_in_the_image() -> None:
    assert f"--version {pins(DEPLOY / 'requirements.lock')['dagster']} " in HELM


def test_helm_values_agree_with_the_instance_of_compose() -> None:
    values, instance = yaml.safe_load(HELM), yaml.safe_load(INSTANCE)
    monitoring, given = instance["run_monitoring"], values["dagsterDaemon"]["runMonitoring"]
    limits, of_helm = instance["concurrency"], values["concurrency"]

    assert given["pollIntervalSeconds"] == monitoring["poll_interval_seconds"]
    assert given["freeSlotsAfterRunEndSeconds"] == monitoring["free_slots_after_run_end_seconds"]
    assert of_helm["pools"]["defaultLimit"] == limits["pools"]["default_limit"]
    assert of_helm["runs"]["maxConcurrentRuns"] == limits["runs"]["max_concurrent_runs"]
    scheme = instance["storage"]["postgres"]["postgres_db"]["scheme"]
    assert values["postgresql"]["postgresqlScheme"] == scheme


def test_dagster_cloud_accepts_its_file() -> None:
    (location,) = load_dagster_cloud_yaml((DEPLOY / "dagster_cloud.yaml").read_text()).locations

    assert location.code_source
    assert location.code_source.module_name == "helpdesk_assets"

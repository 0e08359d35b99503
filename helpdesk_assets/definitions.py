"""The code location of this repository: the default help desk, and the executor of its runs."""

from importlib import import_module

import dagster as dg

from helpdesk_assets.build import build_defs
from helpdesk_assets.desk import did_you_mean
from helpdesk_assets.settings import from_environment

# One process: starting a process per step takes longer than most steps.
DEFAULT_EXECUTOR = "in_process"
# Dagster's executors by the names that they have in RUNTIME__EXECUTOR, each with its module.
EXECUTORS = {
    "in_process": ("dagster", "in_process_executor"),
    "multiprocess": ("dagster", "multiprocess_executor"),
    "celery": ("dagster_celery", "celery_executor"),
    "k8s": ("dagster_k8s", "k8s_job_executor"),
}
# Celery's own variables, which its workers read, too. Their values may contain a password, and are
# looked up where they are needed.
OF_CELERY = {"broker": {"env": "CELERY_BROKER_URL"}, "backend": {"env": "CELERY_RESULT_BACKEND"}}


def executor_of_environment() -> dg.ExecutorDefinition:
    """Return the executor that RUNTIME__EXECUTOR names.

    Raises:
        dg.DagsterInvalidDefinitionError: the executor is unknown, or its package is not
            installed.
    """
    name = from_environment("runtime.executor", DEFAULT_EXECUTOR)
    if name not in EXECUTORS:
        raise dg.DagsterInvalidDefinitionError(
            f"Unknown executor {name!r} in RUNTIME__EXECUTOR: {did_you_mean(name, list(EXECUTORS))}"
        )
    package, attribute = EXECUTORS[name]
    try:
        executor: dg.ExecutorDefinition = getattr(import_module(package), attribute)
    except ImportError:
        raise dg.DagsterInvalidDefinitionError(
            f"RUNTIME__EXECUTOR is {name}, but its package is not installed: "
            f"pip install 'helpdesk_assets[{name}]', or remove RUNTIME__EXECUTOR."
        ) from None
    return executor.configured(OF_CELERY, name=name) if name == "celery" else executor


# The executor is also that of assets materialized in the UI. In other code locations, their own
# executor runs the help desk.
defs = dg.Definitions.merge(build_defs(), dg.Definitions(executor=executor_of_environment()))

"""Secret fields of resources, which Dagster's launchpad masks with asterisks.

The launchpad shows a secret field as ``********`` and submits that as its value, so a run launched
with the pre-filled config would use the asterisks as the key
(``dagster/_core/snap/snap_to_yaml.py``, 1.13). Here, asterisks mean: the configured value.
"""

from typing import Any

import dagster as dg

MASK = "********"


class KeepsSecrets(dg.ConfigurableResource[Any]):
    """A resource that keeps its configured secrets where the run config has asterisks."""

    def create_resource(self, context: dg.InitResourceContext) -> Any:
        """Return the resource for a run."""
        masked = [name for name in type(self).model_fields if getattr(self, name) == MASK]
        if not masked:
            return self
        definition = context.resource_def
        configured: Any = (
            definition.config_schema.default_value
            if definition and definition.config_schema.default_provided
            else {}
        )
        given = {name: getattr(self, name) for name in self.model_fields_set}
        kept = {name: _resolved(configured.get(name)) for name in masked}
        return type(self)(**{**given, **kept})


def _resolved(configured: Any) -> str | None:
    """Return a configured secret: its value, or that of its environment variable."""
    if isinstance(configured, dict):
        return dg.EnvVar(configured["env"]).get_value()
    return None if configured is None else str(configured)

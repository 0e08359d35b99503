"""Secret fields of resources, which Dagster's launchpad fills with stars.

A field that is marked as a secret is shown as ``********``, and the launchpad sends that as its
value: a run that is launched as it was pre-filled would take the stars for the key
(``dagster/_core/snap/snap_to_yaml.py``, 1.13). So stars mean: as it is configured.
"""

from typing import Any

import dagster as dg

MASK = "********"


class KeepsSecrets(dg.ConfigurableResource[Any]):
    """A resource whose secrets stay as configured where a run's configuration has stars."""

    def create_resource(self, context: dg.InitResourceContext) -> Any:
        """Return the resource that a run gets."""
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
    """Return a configured secret: its text, or what the environment has under its name."""
    if isinstance(configured, dict):
        return dg.EnvVar(configured["env"]).get_value()
    return None if configured is None else str(configured)

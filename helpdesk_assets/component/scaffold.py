"""The scaffolder: writes a component's ``defs.yaml``, and optionally a profile to edit."""

from pathlib import Path

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, field_validator

from helpdesk_assets.desk import NAME, did_you_mean
from helpdesk_assets.profiles import DEFAULT_PROFILE, built_in_profiles, profile_file

DEFS = """\
# A help desk: its tickets in DuckDB, with checks, reports, schedules and alerts.
# For all attributes and their descriptions, run:
# dg utils inspect-component {type_name} --defs-yaml-schema
type: {type_name}

attributes:
  # Assets, dataset, jobs and settings are named after it: {name}/help_desk_tickets, {name}_sync,
  # SOURCES__{upper}__BASE_URL.
  name: {name}
  # A built-in profile (zendesk, freshdesk, zammad, ...), or a path relative to this file.
  profile: {profile}
  # Settings that are not set here are looked up at run time, in the environment or dlt's files:
  # SOURCES__{upper}__BASE_URL; SOURCES__{upper}__API_KEY, then API_KEY;
  # DESTINATION__DUCKDB__CREDENTIALS.
  # api:
  #   base_url: https://api.example.com
  #   api_key: "{{{{ env.{upper}_API_KEY }}}}"
  # warehouse:
  #   credentials: data/tickets.duckdb
  # schedules:
  #   cron: 0 6 * * 1-5
  #   timezone: Europe/Berlin
  # owners: [team:support]
"""

PROFILE_HEAD = """\
# The profile of this help desk's API, in the format of dlt's REST API source. Fill in the path, the
# selector of the rows, the paginator and the field mapping, then check it before the first sync:
#   python -m helpdesk_assets check --desk {name} --profile desk.yaml
"""


class ScaffoldParams(BaseModel):
    """Parameters of ``dg scaffold defs``."""

    model_config = ConfigDict(extra="forbid")

    profile: str = Field(
        default=DEFAULT_PROFILE, description="The built-in profile of the vendor, such as zendesk."
    )
    own_profile: str | None = Field(
        default=None,
        description=(
            "Also write desk.yaml next to defs.yaml: a copy of this built-in profile, such as "
            "default, to be edited."
        ),
    )

    @field_validator("profile", "own_profile")
    @classmethod
    def _is_built_in(cls, named: str | None) -> str | None:
        known = built_in_profiles()
        if named is not None and named not in known:
            raise ValueError(f"there is no built-in profile {named}: {did_you_mean(named, known)}")
        return named


class HelpDeskScaffolder(dg.Scaffolder[ScaffoldParams]):
    """Writes a commented ``defs.yaml`` and, on request, a ``desk.yaml``."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldParams]:
        """Return the class of the parameters."""
        return ScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[ScaffoldParams]) -> None:
        """Write the files.

        Raises:
            dg.DagsterInvalidDefinitionError: the folder's name is not valid for a help desk.
        """
        folder, params = Path(request.target_path), request.params
        name = folder.name.lower().replace("-", "_")
        if not NAME.match(name):
            raise dg.DagsterInvalidDefinitionError(
                f"Invalid help desk name {folder.name}: use lowercase letters, digits and single "
                "underscores, such as eu."
            )
        profile = params.profile
        if request.append or request.scaffold_format == "python":
            dg.scaffold_component(request, {"name": name, "profile": profile})
            return
        folder.mkdir(parents=True, exist_ok=True)
        if params.own_profile:
            profile = "./desk.yaml"
            head = PROFILE_HEAD.format(name=name)
            copied = profile_file(params.own_profile).read_text(encoding="utf-8")
            (folder / "desk.yaml").write_text(head + copied, encoding="utf-8")
        (folder / "defs.yaml").write_text(
            DEFS.format(
                type_name=request.type_name, name=name, upper=name.upper(), profile=profile
            ),
            encoding="utf-8",
        )

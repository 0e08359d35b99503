"""The code location of this repository: the default help desk, in one process."""

import dagster as dg

from helpdesk_assets.build import build_defs

defs = dg.Definitions.merge(
    build_defs(),
    # Also for assets materialized in the UI: starting a process per step takes longer than most
    # steps. In other code locations, their own executor runs the help desk.
    dg.Definitions(executor=dg.in_process_executor),
)

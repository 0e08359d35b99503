"""The code location of this repository: the default help desk, in one process."""

import dagster as dg

from helpdesk_assets.build import build_defs

defs = dg.Definitions.merge(
    build_defs(),
    # Also for what is materialized by a click: a process for each step costs more than most steps
    # take. In a code location of somebody else's, its own executor runs the desk.
    dg.Definitions(executor=dg.in_process_executor),
)

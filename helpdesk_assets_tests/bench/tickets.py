"""A job that loads the tickets and checks them, without reports."""

import dagster as dg

from helpdesk_assets.build import build_defs

defs = dg.Definitions.merge(
    build_defs(),
    dg.Definitions(
        jobs=[
            dg.define_asset_job(
                "tickets",
                selection=dg.AssetSelection.assets("help_desk_tickets"),
                executor_def=dg.in_process_executor,
            )
        ]
    ),
)

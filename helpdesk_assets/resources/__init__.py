"""What the assets are configured with: where tickets come from, where they go, whom to tell.

A field that is left out is looked up when a run needs it, by dlt's own providers: the environment,
``.dlt/secrets.toml``, ``.dlt/config.toml``, or a vault.
"""

from helpdesk_assets.resources.alerts import HelpDeskAlerts
from helpdesk_assets.resources.api import HelpDeskApi
from helpdesk_assets.resources.reports import HelpDeskReports
from helpdesk_assets.resources.warehouse import HelpDeskWarehouse

__all__ = [
    "HelpDeskAlerts",
    "HelpDeskApi",
    "HelpDeskReports",
    "HelpDeskWarehouse",
]

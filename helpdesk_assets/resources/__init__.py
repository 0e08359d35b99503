"""The Dagster resources: the help desk's API, the warehouse, the reports and the alerts.

A field that is not set is looked up when a run needs it, with dlt's configuration providers: the
environment, ``.dlt/secrets.toml``, ``.dlt/config.toml``, or a vault.
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

"""What the assets are configured with: where the tickets come from and where they go.

A field that is left out is looked up when a run needs it, by dlt's own providers: the environment,
``.dlt/secrets.toml``, ``.dlt/config.toml``, or a vault.
"""

from helpdesk_assets.resources.api import HelpDeskApi
from helpdesk_assets.resources.pool import POOL
from helpdesk_assets.resources.warehouse import HelpDeskWarehouse, stored_columns

__all__ = ["POOL", "HelpDeskApi", "HelpDeskWarehouse", "stored_columns"]

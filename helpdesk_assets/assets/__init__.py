"""The loaded assets: the help desk's API, its tables, and their materialization metadata.

The models are in ``helpdesk_assets.models``, the report in ``helpdesk_assets.reports``, and asset
checks in ``helpdesk_assets.checks``.
"""

"""The loaded assets: the help desk's API, its tables, and their materialization metadata.

Downstream tables and the report are in ``helpdesk_assets.reports``, asset checks in
``helpdesk_assets.checks``.
"""

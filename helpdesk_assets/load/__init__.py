"""One load: the connection to a help desk, the dlt source, filters, and deleted rows.

This package contains what a run does between its settings and the table. Settings are looked up in
``helpdesk_assets.resources``; tables are stored in ``helpdesk_assets.warehouse``.
"""

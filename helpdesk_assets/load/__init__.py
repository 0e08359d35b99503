"""One load: the connection to a desk, the dlt source, what is asked for, and deleted rows.

Here belongs whatever one run does between its settings and the table. Where the settings are found
is known in ``helpdesk_assets.resources``, and where the table is in ``helpdesk_assets.warehouse``.
"""

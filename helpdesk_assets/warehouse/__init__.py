"""The DuckDB file that rows are loaded into: access, locks, and error messages.

What a run writes into it is in ``helpdesk_assets.load``; its configuration is in
``helpdesk_assets.resources``.
"""

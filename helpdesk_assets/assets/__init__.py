"""The assets that are loaded: the help desk's API, its tables, and what a materialization says.

What is computed from the tables belongs to ``helpdesk_assets.reports``, and whether they can be
trusted to ``helpdesk_assets.checks``.
"""

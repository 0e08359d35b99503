"""Where rows go: a DuckDB file, who may write it, and what is said when nobody can.

What a run writes into it belongs to ``helpdesk_assets.load``; how it is configured, to
``helpdesk_assets.resources``.
"""

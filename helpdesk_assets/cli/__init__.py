"""The command line: ``python -m helpdesk_assets check``.

This package contains the command line and its output; runs are started with Dagster's commands.
"""

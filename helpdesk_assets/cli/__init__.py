"""What a person types: ``python -m helpdesk_assets check``.

Here belong the command line and what it prints; runs are started with Dagster's own commands.
"""

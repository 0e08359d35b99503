"""A help desk for trying things out: a local HTTP server with made-up tickets.

Start it with ``python -m helpdesk_assets.sandbox`` (see ``--help``); tests run it in their own
process with ``helpdesk_assets.sandbox.server.serve``.
"""

"""A help desk to try against: a local HTTP server that keeps tickets and answers as the API does.

``python -m helpdesk_assets.sandbox --help`` starts it; tests start it in their own process with
``helpdesk_assets.sandbox.server.serve``.
"""

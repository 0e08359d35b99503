"""Reading a complete list: which page to request next, and proof that no row is missing.

This package contains walks, which are complete reads of lists that are paged by counting, chained
by cursors or links, or requested for each row of a parent; parallel page requests; and the reader
that supplies rows to dlt's client. A single exchange is in ``helpdesk_assets.transport``, loading
the rows in ``helpdesk_assets.load``.
"""

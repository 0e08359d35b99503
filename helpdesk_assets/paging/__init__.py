"""A whole list: which page to ask for next, and whether it was seen that no row is missing.

Here belong walks through lists that are counted, chained, or asked for by the rows of another;
pages in flight; and the reader that dlt's client gets its rows from. One exchange belongs to
``helpdesk_assets.transport``, and what becomes of the rows to ``helpdesk_assets.load``.
"""

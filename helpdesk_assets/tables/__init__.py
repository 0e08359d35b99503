"""Tables: their columns, and the conversion of JSON rows to Arrow tables.

This package contains the schema, paths in JSON, columns and their types, and rejected rows. It does
not know where rows come from or where they are stored.
"""

"""What a table is: its columns, and how rows of JSON become Arrow tables of them.

Here belongs what can be said of rows that are at hand: schema, paths into JSON, columns and their
types, rows that are rejected. How rows get here is not known in this room, nor where they go.
"""

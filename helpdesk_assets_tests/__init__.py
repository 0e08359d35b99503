"""Tests that run the real thing: HTTP on 127.0.0.1, a DuckDB file, Dagster runs, command lines."""

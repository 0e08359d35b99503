"""Tests of the DuckDB file as one that several processes share."""

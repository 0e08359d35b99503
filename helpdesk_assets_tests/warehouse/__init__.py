"""Tests of the DuckDB file when several processes use it."""

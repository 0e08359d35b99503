"""Benchmarks: how fast tickets are loaded, compared with other programs. See `make bench`."""

"""How fast the tickets are loaded, measured beside others. See `make bench`."""

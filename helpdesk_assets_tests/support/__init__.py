"""Servers and tools shared by the tests of several packages."""

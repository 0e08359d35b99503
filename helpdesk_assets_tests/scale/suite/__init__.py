"""The tests of loads, checks and models of the other packages, once for each place.

Each module names tests of the module of the same name. docs/deployment.md has a table of them.
"""

"""Vendors' help desks: a server for each, written from its public documentation, and their tests.

``world`` has what all of them know (tickets, people, conversations), ``standin`` what all servers
share, and each further module one vendor.
"""

"""Vendors' help desks: a server for each, written from its public documentation, and their tests.

``world`` contains the data of all of them (tickets, people, conversations), ``standin`` the common
part of all servers, and each further module one vendor.
"""

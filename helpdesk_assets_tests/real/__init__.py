"""Syncs of a real help desk that is none of ours: django-helpdesk. See `make test-real`."""

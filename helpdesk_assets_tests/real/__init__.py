"""Syncs of real help desks that are none of ours, such as django-helpdesk. See `make test-real`."""

# By profile: the servers that the tests here install and run.
SERVERS = {"django_helpdesk": "django-helpdesk 2.6.1"}

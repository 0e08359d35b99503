"""Syncs of real help desks, compared with their own databases. See `make test-real`."""

# By profile: the servers that the tests here install and run.
SERVERS = {
    "django_helpdesk": "django-helpdesk 2.6.1",
    "request_tracker": "Request Tracker 5.0.3",
    "roundup": "Roundup 2.6.0",
}

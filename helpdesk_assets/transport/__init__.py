"""One exchange with the API: a request let in, bounded and repeated, and the page that it brings.

Here belong the session, authentication, deadlines, retries, the throttle, redaction of secrets,
what an answer is, and what is said of an exchange that failed. Which page comes next, and whether
all have come, is known in ``helpdesk_assets.paging``.
"""

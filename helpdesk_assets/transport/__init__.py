"""One exchange with the API: an authenticated, bounded and retried request, and its page.

This package contains the session, authentication, deadlines, retries, the throttle, redaction of
secrets, the parsing of responses, and the error messages for failed requests. Which page comes
next, and whether the list is complete, is decided in ``helpdesk_assets.paging``.
"""

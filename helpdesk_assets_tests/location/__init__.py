"""Tests of the code location as a whole: definitions, jobs, alerts and the web server."""

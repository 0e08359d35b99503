"""Tests of the code location as a whole: definitions, jobs, alerts, the webserver."""

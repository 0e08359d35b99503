"""Tests of ``helpdesk_assets.checks``."""

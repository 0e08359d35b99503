"""Tests of ``helpdesk_assets.tables``."""

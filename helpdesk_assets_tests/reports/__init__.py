"""Tests of ``helpdesk_assets.reports``."""

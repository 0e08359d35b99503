"""Tests of ``helpdesk_assets.resources``."""

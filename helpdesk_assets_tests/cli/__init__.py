"""Tests of ``helpdesk_assets.cli``."""

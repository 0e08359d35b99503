"""Tests of ``helpdesk_assets.load``."""

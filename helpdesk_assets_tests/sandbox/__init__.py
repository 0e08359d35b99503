"""Tests of ``helpdesk_assets.sandbox``."""

"""Tests of ``helpdesk_assets.profiles``."""

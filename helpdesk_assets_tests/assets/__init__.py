"""Tests of ``helpdesk_assets.assets``."""

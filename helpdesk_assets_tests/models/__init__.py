"""Tests of ``helpdesk_assets.models``."""

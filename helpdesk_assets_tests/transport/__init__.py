"""Tests of ``helpdesk_assets.transport``."""

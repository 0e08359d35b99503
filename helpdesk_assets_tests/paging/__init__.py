"""Tests of ``helpdesk_assets.paging``."""

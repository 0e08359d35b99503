"""The models: tables built from the loaded ones by SQL, with their assets, checks and charts.

The page that shows them is in ``helpdesk_assets.reports``.
"""

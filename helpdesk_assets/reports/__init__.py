"""The reports: small tables in SQL, their charts, and an HTML page."""

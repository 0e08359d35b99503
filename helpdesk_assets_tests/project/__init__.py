"""Tests of the project: its README, its packages, and that no secret leaves it."""

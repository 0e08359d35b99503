"""Tests of the project: README, documentation, packaging, words, and that no secret leaks."""

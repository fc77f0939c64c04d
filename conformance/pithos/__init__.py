"""Pithos+: the API, and what users share over it."""

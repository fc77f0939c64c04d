"""Swift: OpenStack's own tests, and cases that they do not have."""

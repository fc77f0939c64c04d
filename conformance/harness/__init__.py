"""What the black-box suites share: a real server, its command line, clients, damage, comparison."""

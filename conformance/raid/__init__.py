"""The suite of `dolium raid`."""

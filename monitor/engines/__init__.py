"""Engines: what reduces a source's rows to a profile, on one machine or many."""

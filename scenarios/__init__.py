"""Shipped scenario files, and the schema they must satisfy."""

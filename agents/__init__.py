"""The firms and investors that decide."""

"""Strategies a firm can play."""

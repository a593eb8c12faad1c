"""Validated settings."""

"""Kinds of receivers."""

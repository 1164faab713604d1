"""Exports: a table of a page as a file, complete, at one moment, and recorded in the audit log."""

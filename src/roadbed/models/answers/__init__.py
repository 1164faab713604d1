"""Answers: deciders that answer questions from the passages of a library, with citations."""

"""The library of the demo: documents of a made-up company, questions and right places."""

"""Who is there: API tokens, one-time links and the sessions they open. Roles come later."""

"""Who is there, what each may do in which use case, and how they sign in."""

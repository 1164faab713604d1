"""Reading: one file becomes an extraction, in a child process with limits."""

"""Reading: one file becomes an extraction, in a child process with limits."""

# The number of the reading, stored with what was read. Raise it by one when a reader or the cutting
# of passages gives another text, position or finding for a file: it is read again then.
READING = 8

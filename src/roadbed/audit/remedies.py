"""What to do about a finding: the log says what happened, not what was there before."""

ENTRY = (
    "Nothing is repaired by itself. Keep the database as it is for whoever looks into it, find out "
    "who could write to it, and take the entry's true content from a backup or a receipt's proof."
)
LOG = (
    "Nothing is repaired by itself. Keep the database and the folder as they are, and compare "
    "checkpoints with copies kept elsewhere; if a backup was restored on purpose, write that down."
)

"""Where the documents of a library come from: its folder, uploads, and a list of addresses."""

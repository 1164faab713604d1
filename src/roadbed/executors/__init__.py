"""Where deciders run: threads of this process, or child processes of their own."""

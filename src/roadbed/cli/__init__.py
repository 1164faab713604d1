"""The command line: thin; every verb is a service's."""

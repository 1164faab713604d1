"""The HTTP API under ``/v1``: thin; every verb is a service's."""

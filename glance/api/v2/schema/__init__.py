"""JSON Schemas that validate requests and are shown by /v2/schemas."""

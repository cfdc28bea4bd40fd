"""JSON Schemas: they validate requests and answer /v2/schemas."""

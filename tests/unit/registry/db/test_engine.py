"""The engine's doings that no statement shows."""

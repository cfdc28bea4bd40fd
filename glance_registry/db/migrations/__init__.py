"""The alembic environment: the way of a database from Liberty to today.

It needs no ini file: ``glance_registry.db.migration`` hands in the
connection. ``versions`` holds the graph, ``data_migrations`` what moves rows
between an expand and the contract that needs them moved.
"""

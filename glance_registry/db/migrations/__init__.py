"""The alembic environment: upgrades of a database from Liberty to now.

It needs no ini file: ``glance_registry.db.migration`` passes the connection.
``versions`` has the revisions of the schema, ``data_migrations`` the
migrations of rows between an expand and its contract.
"""

"""Queries on the catalogue of metadata definitions.

``namespaces`` has the queries on namespaces, ``definitions`` those that are
common to the four kinds of definitions. ``properties``, ``objects``, ``tags``
and ``resource_types`` only convert between rows and documents of their kind.
"""

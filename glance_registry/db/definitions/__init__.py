"""The catalogue of metadata definitions as files.

``files`` reads, checks and writes files; ``loading`` loads a file into the
database, and ``exporting`` makes documents from the database. Each file has
one namespace.
"""

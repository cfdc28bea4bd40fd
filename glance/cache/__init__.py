"""The cache of image data: one directory per host, shared by its workers.

``layout`` is the directory, ``blocks`` a file that is being filled, ``index``
the database of all files, ``room`` the size limit. ``filler`` fetches blocks,
``following`` reads them as they come, ``images`` combines all of these.
"""

"""Import: one source of data, plug-ins that change it, several stores.

``sources`` opens the data to be imported, ``plugins`` changes it on its way,
``tee`` reads it once and writes it to all chosen stores.
"""

"""Both daemons under gunicorn and uWSGI, told the same stories.

``hosts`` starts the daemons, ``remote`` carries a test's requests to them,
``wire`` stands between the two, ``service`` is what a test gets instead of
:class:`tests.base.Service`.
"""

"""Notifications on the message bus.

Handlers call ``notifier``. ``payloads`` builds what consumers receive,
``outbox`` is the queue between a request and the bus, and ``bus`` uses
oslo.messaging. Without a driver in ``[oslo_messaging_notifications]`` the null
notifier is used, and ``bus`` is not imported.
"""

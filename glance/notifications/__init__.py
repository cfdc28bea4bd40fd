"""Notifications on the message bus.

``notifier`` is what handlers call, ``payloads`` what consumers get,
``outbox`` the queue between a request and the bus, ``bus`` oslo.messaging.
Without a driver in ``[oslo_messaging_notifications]`` the notifier is one that
does nothing, and ``bus`` is not imported.
"""

"""Notifications on the message bus (images-v2 section 22).

``notifier`` is what handlers call, ``payloads`` what consumers get,
``outbox`` the queue between a request and the bus, ``bus`` oslo.messaging.
Without a driver in ``[oslo_messaging_notifications]`` the notifier is one that
does nothing, and ``bus`` is not imported.
"""

"""``glance.wsgi.api:application``, as classic configurations name it."""

from glance.wsgi import application

__all__ = ('application',)

"""Rules for the catalogue of metadata definitions.

The legacy check of writes permitted every caller. It is not used any more,
even if enforce_new_defaults is off (OSSN-0088).
"""

from oslo_policy import policy

from glance.api.policy.defaults import base

_ALL = '/v2/metadefs/namespaces'
_ONE = f'{_ALL}/{{namespace}}'
_SEES = f'{base.ADMIN} or (role:reader and ' + (
    "(project_id:%(project_id)s or 'public':%(visibility)s))"
)
_ADMIN = 'rule:metadef_admin'


def _read(name: str, description: str, *calls: str) -> base.Rule:
    return base.rule(
        name, _SEES, description, *calls, legacy='rule:metadef_default'
    )


def _write(name: str, description: str, *calls: str) -> base.Rule:
    return base.rule(name, _ADMIN, description, *calls)


RULES = [
    policy.RuleDefault(
        'metadef_default', '', description='Legacy check of reads.'
    ),
    policy.RuleDefault(
        'metadef_admin', base.ADMIN, description='Who changes the catalogue.'
    ),
    _read(
        'get_metadef_namespace',
        'See a namespace. Asked for each of a list.',
        f'GET {_ONE}',
        f'GET {_ALL}',
    ),
    base.rule(
        'get_metadef_namespaces',
        base.OWNING_READER,
        'List namespaces.',
        f'GET {_ALL}',
        legacy='rule:metadef_default',
    ),
    _write('modify_metadef_namespace', 'Change a namespace.', f'PUT {_ONE}'),
    _write('add_metadef_namespace', 'Add a namespace.', f'POST {_ALL}'),
    _write(
        'delete_metadef_namespace',
        'Delete one, or all objects, properties or tags of one.',
        f'DELETE {_ONE}',
        f'DELETE {_ONE}/objects',
        f'DELETE {_ONE}/properties',
        f'DELETE {_ONE}/tags',
    ),
    _read(
        'get_metadef_object', 'See an object.', f'GET {_ONE}/objects/{{name}}'
    ),
    _read(
        'get_metadef_objects',
        'List objects.',
        f'GET {_ONE}/objects',
        f'GET {_ONE}',
    ),
    _write(
        'modify_metadef_object', 'Change one.', f'PUT {_ONE}/objects/{{name}}'
    ),
    _write(
        'add_metadef_object',
        'Add an object.',
        f'POST {_ONE}/objects',
        f'POST {_ALL}',
    ),
    _write(
        'delete_metadef_object',
        'Delete an object.',
        f'DELETE {_ONE}/objects/{{name}}',
    ),
    _read(
        'list_metadef_resource_types',
        'List resource types.',
        'GET /v2/metadefs/resource_types',
        f'GET {_ALL}',
        f'GET {_ONE}',
    ),
    _read(
        'get_metadef_resource_type',
        'See what a namespace is for.',
        f'GET {_ONE}/resource_types',
    ),
    _write(
        'add_metadef_resource_type_association',
        'Say what a namespace is for.',
        f'POST {_ONE}/resource_types',
        f'POST {_ALL}',
    ),
    _write(
        'remove_metadef_resource_type_association',
        'Say that it is not.',
        f'DELETE {_ONE}/resource_types/{{name}}',
    ),
    _read(
        'get_metadef_property',
        'See a property.',
        f'GET {_ONE}/properties/{{name}}',
    ),
    _read(
        'get_metadef_properties',
        'List properties.',
        f'GET {_ONE}/properties',
        f'GET {_ONE}',
    ),
    _write(
        'modify_metadef_property',
        'Change a property.',
        f'PUT {_ONE}/properties/{{name}}',
    ),
    _write(
        'add_metadef_property',
        'Add a property.',
        f'POST {_ONE}/properties',
        f'POST {_ALL}',
    ),
    _write(
        'remove_metadef_property',
        'Remove a property.',
        f'DELETE {_ONE}/properties/{{name}}',
    ),
    _read('get_metadef_tag', 'See a tag.', f'GET {_ONE}/tags/{{name}}'),
    _read('get_metadef_tags', 'List tags.', f'GET {_ONE}/tags', f'GET {_ONE}'),
    _write('modify_metadef_tag', 'Change a tag.', f'PUT {_ONE}/tags/{{name}}'),
    _write(
        'add_metadef_tag',
        'Add a tag.',
        f'POST {_ONE}/tags/{{name}}',
        f'POST {_ALL}',
    ),
    _write('add_metadef_tags', 'Set all tags.', f'POST {_ONE}/tags'),
    _write(
        'delete_metadef_tag', 'Delete a tag.', f'DELETE {_ONE}/tags/{{name}}'
    ),
    _write('delete_metadef_tags', 'Delete all tags.', f'DELETE {_ONE}/tags'),
]

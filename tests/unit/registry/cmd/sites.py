"""Configuration files as sites have them, by distribution and file."""

LOGIN = """\
[keystone_authtoken]
www_authenticate_uri = http://controller:5000
auth_url = http://controller:5000
memcached_servers = controller:11211
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = glance
password = secret
"""
_OLD_LOGIN = LOGIN.replace(
    'www_authenticate_uri = http://controller:5000\n'
    'auth_url = http://controller:5000',
    'auth_uri = http://controller:5000\nauth_url = http://controller:35357',
)
_MARIADB = 'mysql+pymysql://glance:secret@controller/glance'

SITES: dict[str, dict[str, str]] = {
    'rdo-train': {
        'glance-api.conf': f"""\
[DEFAULT]
bind_host = 0.0.0.0
log_file = /var/log/glance/api.log
use_syslog = False
debug = False
registry_host = controller
show_image_direct_url = True
[database]
connection = {_MARIADB}
[glance_store]
stores = file,http
default_store = file
filesystem_store_datadir = /var/lib/glance/images/
[paste_deploy]
flavor = keystone
config_file = /etc/glance/glance-api-paste.ini
[oslo_messaging_rabbit]
ssl = False
[oslo_concurrency]
lock_path = /var/lib/glance/tmp
{LOGIN}""",
        'glance-registry.conf': f"""\
[DEFAULT]
bind_host = 0.0.0.0
log_file = /var/log/glance/registry.log
workers = 2
[database]
connection = {_MARIADB}
max_retries = -1
[paste_deploy]
flavor = keystone
{LOGIN}""",
        'glance-scrubber.conf': f"""\
[DEFAULT]
log_file = /var/log/glance/scrubber.log
registry_host = 127.0.0.1
registry_port = 9191
scrub_time = 0
scrub_pool_size = 1
wakeup_time = 300
delayed_delete = False
metadata_encryption_key =
[database]
connection = {_MARIADB}
[glance_store]
filesystem_store_datadir = /var/lib/glance/images/
""",
        'glance-cache.conf': """\
[DEFAULT]
log_file = /var/log/glance/image-cache.log
image_cache_dir = /var/lib/glance/image-cache/
image_cache_max_size = 10737418240
image_cache_stall_time = 86400
image_cache_driver = sqlite
registry_host = 0.0.0.0
[glance_store]
filesystem_store_datadir = /var/lib/glance/images/
""",
    },
    'ubuntu-pike': {
        'glance-api.conf': f"""\
[DEFAULT]
[cors]
[database]
backend = sqlalchemy
sqlite_db = /var/lib/glance/glance.sqlite
connection = {_MARIADB}
[glance_store]
stores = file,http
default_store = file
filesystem_store_datadir = /var/lib/glance/images/
[image_format]
disk_formats = ami,ari,aki,vhd,vhdx,vmdk,raw,qcow2,vdi,iso,root-tar
[matchmaker_redis]
[oslo_messaging_notifications]
[paste_deploy]
flavor = keystone
[task]
task_executor = taskflow
[taskflow_executor]
engine_mode = parallel
max_workers = 10
{_OLD_LOGIN}""",
        'glance-registry.conf': f"""\
[DEFAULT]
[database]
backend = sqlalchemy
sqlite_db = /var/lib/glance/glance.sqlite
connection = {_MARIADB}
[paste_deploy]
flavor = keystone
{_OLD_LOGIN}""",
        'glance-scrubber.conf': """\
[DEFAULT]
daemon = False
scrub_time = 43200
[database]
backend = sqlalchemy
sqlite_db = /var/lib/glance/glance.sqlite
[glance_store]
""",
    },
    'kolla': {
        'glance-api.conf': f"""\
[DEFAULT]
debug = False
log_file = /var/log/kolla/glance/glance-api.log
worker_self_reference_url = http://10.0.0.2:9292
bind_host = 10.0.0.2
bind_port = 9292
workers = 5
enabled_backends = file:file, http:http
transport_url = rabbit://openstack:secret@10.0.0.2:5672//
[database]
connection = {_MARIADB}
connection_recycle_time = 10
max_pool_size = 1
max_retries = -1
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = /var/lib/glance/images/
[os_glance_tasks_store]
filesystem_store_datadir = /var/lib/glance/tasks_work_dir
[os_glance_staging_store]
filesystem_store_datadir = /var/lib/glance/staging
[paste_deploy]
flavor = keystone
[oslo_middleware]
enable_proxy_headers_parsing = True
[oslo_concurrency]
lock_path = /var/lib/glance/tmp
[oslo_messaging_notifications]
transport_url = rabbit://openstack:secret@10.0.0.2:5672//
driver = messagingv2
topics = notifications
[oslo_messaging_rabbit]
use_queue_manager = True
heartbeat_in_pthread = False
rabbit_quorum_queue = True
amqp_durable_queues = True
[oslo_policy]
policy_file = policy.yaml
[cors]
allowed_origin = http://10.0.0.2:9999
[profiler]
enabled = True
trace_sqlalchemy = True
hmac_keys = secret
connection_string = redis://10.0.0.2:6379
{LOGIN}service_type = image
region_name = RegionOne
cafile =
memcache_security_strategy = ENCRYPT
memcache_secret_key = secret
""",
        'glance-cache.conf': """\
[DEFAULT]
debug = False
log_file = /var/log/kolla/glance/glance-cache.log
image_cache_max_size = 10737418240
image_cache_dir = /var/lib/glance/image-cache
[glance_store]
filesystem_store_datadir = /var/lib/glance/images/
""",
    },
    'devstack-2026': {
        'glance-api.conf': f"""\
[DEFAULT]
debug = True
use_syslog = False
logging_exception_prefix = ERROR %(name)s %(instance)s
logging_default_format_string = %(color)s%(levelname)s %(name)s
logging_context_format_string = %(color)s%(levelname)s %(global_request_id)s
logging_debug_format_suffix = from %(funcName)s %(pathname)s:%(lineno)d
transport_url = rabbit://stackrabbit:secret@10.0.0.2:5672/
graceful_shutdown_timeout = 5
public_endpoint = http://10.0.0.2/image
bind_host = 0.0.0.0
image_cache_dir = /opt/stack/data/glance/cache
image_cache_driver = centralized_db
enabled_backends = fast:file
use_keystone_limits = True
worker_self_reference_url = http://10.0.0.2:60999
[database]
connection = {_MARIADB}?plugin=dbcounter
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = /opt/stack/data/glance/images/
[os_glance_staging_store]
filesystem_store_datadir = /opt/stack/data/glance/os_glance_staging_store/
[os_glance_tasks_store]
filesystem_store_datadir = /opt/stack/data/glance/os_glance_tasks_store/
[image_import_opts]
image_import_plugins = []
[oslo_concurrency]
lock_path = /opt/stack/data/glance/locks
[oslo_messaging_notifications]
driver = messagingv2
transport_url = rabbit://stackrabbit:secret@10.0.0.2:5672/
[oslo_messaging_rabbit]
[oslo_policy]
enforce_scope = True
enforce_new_defaults = True
[paste_deploy]
flavor = keystone+cachemanagement
[cors]
allowed_origin = http://10.0.0.2
[oslo_limit]
auth_url = http://10.0.0.2/identity
auth_type = password
username = glance
password = secret
user_domain_id = default
system_scope = all
endpoint_id = 1234
region_name = RegionOne
{LOGIN}interface = public
region_name = RegionOne
cafile = /opt/stack/data/ca-bundle.pem
""",
        'glance-image-import.conf': """\
[image_import_opts]
image_import_plugins = ['image_conversion']
[image_conversion]
output_format = raw
[inject_metadata_properties]
ignore_user_roles = admin
[import_filtering_opts]
allowed_schemes = [http, https]
""",
        'glance-cache.conf': """\
[DEFAULT]
debug = True
image_cache_dir = /opt/stack/data/glance/cache
[glance_store]
filesystem_store_datadir = /opt/stack/data/glance/images/
""",
    },
}

"""Options of tasks: work that continues after its response."""

from oslo_config import cfg

TASK: list[cfg.Opt] = [
    cfg.IntOpt(
        'task_time_to_live',
        deprecated_group='DEFAULT',
        default=48,
        min=0,
        max=24 * 366 * 10,
        help='Hours for which the record of a task is kept after its end.',
    ),
]

EXECUTOR: list[cfg.Opt] = [
    cfg.IntOpt(
        'max_workers',
        deprecated_group='task',
        deprecated_name='eventlet_executor_pool_size',
        default=10,
        min=1,
        max=1000,
        help=(
            'Number of tasks that each worker works on at the same time. '
            'Further tasks wait in the database for any worker.'
        ),
    ),
]

"""A private RabbitMQ: its own directory, ports and port mapper, loopback."""

import os
import shutil

from tests.live import processes

START_SECONDS = 240
USER = 'rabbitmq'
PLACES = '/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin'

#: Little of everything, for it starts faster so.
CONFIGURATION = """\
listeners.tcp.local = 127.0.0.1:{port}
loopback_users.guest = true
num_acceptors.tcp = 2
log.console = true
log.file = false
"""


class RabbitMQ:
    """The broker and its port mapper; stop() and start() again at will.

    The mapper (epmd) is ours too: the one that Erlang would start by itself
    listens everywhere and stays for ever.
    """

    def __init__(self) -> None:
        server = processes.find('rabbitmq-server', 'rabbitmq-server', PLACES)
        mapper = processes.find('epmd', 'erlang-base')
        directory = processes.private_directory(USER, True)
        self._directory = directory
        self.port = processes.free_port()
        epmd_port, node_port = processes.free_port(), processes.free_port()
        (directory / 'rabbitmq.conf').write_text(
            CONFIGURATION.format(port=self.port)
        )
        (directory / 'plugins').write_text('[].\n')
        environment = {
            **os.environ,
            'HOME': str(directory),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
            'ERL_EPMD_PORT': str(epmd_port),
            'RABBITMQ_CONF_ENV_FILE': str(directory / 'none'),
            'RABBITMQ_CONFIG_FILE': str(directory / 'rabbitmq.conf'),
            'RABBITMQ_ADVANCED_CONFIG_FILE': str(directory / 'none'),
            'RABBITMQ_ENABLED_PLUGINS_FILE': str(directory / 'plugins'),
            'RABBITMQ_MNESIA_BASE': str(directory / 'data'),
            'RABBITMQ_LOG_BASE': str(directory / 'logs'),
            'RABBITMQ_PID_FILE': str(directory / 'pid'),
            'RABBITMQ_GENERATED_CONFIG_DIR': str(directory / 'generated'),
            'RABBITMQ_NODENAME': f'test{self.port}@localhost',
            'RABBITMQ_DIST_PORT': str(node_port),
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': (
                '-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none'
            ),
        }
        self._mapper = processes.Process(
            [mapper, '-address', '127.0.0.1', '-port', epmd_port],
            directory / 'epmd.log',
            user=USER,
        )
        self.process = processes.Process(
            [server], directory / 'log', user=USER, env=environment
        )
        self.address = f'rabbit://guest:guest@127.0.0.1:{self.port}/'
        self._mapper.start()
        self.start()

    def start(self) -> None:
        self.process.start()
        processes.wait_until(
            lambda: processes.accepts(('127.0.0.1', self.port)),
            START_SECONDS,
            'RabbitMQ',
            self.process,
        )

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> None:
        self.process.stop()
        self._mapper.stop()
        processes.keep_log(self.process)
        shutil.rmtree(self._directory, ignore_errors=True)

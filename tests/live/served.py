"""tools/serve as a person starts it."""

import pathlib

from tests.live import processes

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
START_SECONDS = 600
STOP_SECONDS = 60
READY = 'The image service is ready'


class Service:
    def __init__(
        self,
        data: pathlib.Path,
        api_port: int | None = None,
        registry_port: int | None = None,
        *more: str,
    ) -> None:
        self.data = data
        self.api_port = api_port or processes.free_port()
        self.registry_port = registry_port or processes.free_port()
        self.api_url = f'http://127.0.0.1:{self.api_port}'
        self.output = data.with_name(f'{data.name}.out')
        self.process = processes.Process(
            [
                ROOT / 'tools/serve',
                *('--data', data),
                *('--api-port', self.api_port),
                *('--registry-port', self.registry_port),
                *more,
            ],
            self.output,
        )

    def start(self) -> None:
        """Start and wait for the lines to paste."""
        self.output.unlink(missing_ok=True)
        self.process.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        processes.wait_until(
            lambda: READY in self.said(),
            START_SECONDS,
            'tools/serve',
            self.process,
        )

    def fail(self) -> str:
        """Start what cannot start; give what it said."""
        self.output.unlink(missing_ok=True)
        self.process.start()
        code = self.process.wait(START_SECONDS)
        assert code == 1, (code, self.said())
        return self.said()

    def said(self) -> str:
        return self.output.read_text() if self.output.exists() else ''

    def stop(self) -> None:
        self.process.stop(STOP_SECONDS)

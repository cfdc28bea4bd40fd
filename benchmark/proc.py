"""What the kernel knows about processes: CPU, memory; and the machine."""

from collections.abc import Iterable
import contextlib
import os
import pathlib

_TICK = os.sysconf('SC_CLK_TCK')
_PROC = pathlib.Path('/proc')


def tree(roots: Iterable[int]) -> list[int]:
    """The processes and all that descends from them."""
    found = list(roots)
    for pid in found:
        for file in _PROC.glob(f'{pid}/task/*/children'):
            with contextlib.suppress(OSError):
                found += [int(child) for child in file.read_text().split()]
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of processes and of children they reaped."""
    return sum(_cpu(pid) for pid in pids)


def _cpu(pid: int) -> float:
    try:
        text = (_PROC / str(pid) / 'stat').read_text()
    except OSError:
        return 0.0
    fields = text.rsplit(')', 1)[1].split()
    return sum(map(int, fields[11:15])) / _TICK


def memory_mib(pids: Iterable[int], what: str = 'VmRSS') -> float:
    """``VmRSS`` now or ``VmHWM``, the peak; shared pages count each time."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            text = (_PROC / str(pid) / 'status').read_text()
            for line in text.splitlines():
                if line.startswith(f'{what}:'):
                    total += int(line.split()[1])
    return total / 1024


def proportional_mib(pids: Iterable[int]) -> float:
    """Resident memory with shared pages counted once (PSS)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            text = (_PROC / str(pid) / 'smaps_rollup').read_text()
            for line in text.splitlines():
                if line.startswith('Pss:'):
                    total += int(line.split()[1])
    return total / 1024


def forget_peak(pids: Iterable[int]) -> None:
    """Let the peak of memory start anew."""
    for pid in pids:
        with contextlib.suppress(OSError):
            (_PROC / str(pid) / 'clear_refs').write_text('5')


def machine_cpu_seconds() -> float:
    """CPU time that anybody used on this machine, since boot."""
    line = (_PROC / 'stat').read_text().splitlines()[0]
    fields = [int(field) for field in line.split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / _TICK


def own_cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def machine() -> dict[str, object]:
    """Facts of the machine that figures depend on."""
    cpu = (_PROC / 'cpuinfo').read_text()
    models = [
        line.split(':', 1)[1].strip()
        for line in cpu.splitlines()
        if line.startswith('model name')
    ]
    total = (_PROC / 'meminfo').read_text().split()[1]
    return {
        'cpus': os.cpu_count(),
        'cpu': models[0] if models else os.uname().machine,
        'memory_gib': round(int(total) / 1024**2),
        'kernel': os.uname().release.split('-')[0],
        'load': round(os.getloadavg()[0], 1),
    }

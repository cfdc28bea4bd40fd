# Sourced by tools that are a package of Python: finds this checkout's
# environment ($python) and lets it import the checkout.
# PYTHON_ENVIRONMENT names another virtual environment to use as it is.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
if [ -n "${PYTHON_ENVIRONMENT:-}" ]; then
    python=$PYTHON_ENVIRONMENT/bin/python
else
    if [ -x "$root/tools/environment" ]; then
        "$root/tools/environment"
    fi
    python=$root/.venv/bin/python
fi
if [ ! -x "$python" ]; then
    printf 'error: there is no %s\n' "$python" >&2
    exit 1
fi

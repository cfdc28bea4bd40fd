# Sourced by tools/check and tools/test: run steps, keep what came out of
# them in a directory, sum it up. Every step leaves one file there:
#   NAME.subunit   what the tests of a stestr run reported
#   NAME.failed    it did not do what it should; the text says why
#   NAME.skipped   it could not be done here; the text says why
# shellcheck shell=bash

readonly TEST_RUN_SECONDS=2400
# Runs a session of noxfile.py. PYTHON, which may have chosen the Python of
# .venv, would make stestr start another one.
# shellcheck disable=SC2034
readonly nox=(env -u PYTHON .venv/bin/nox --non-interactive --session)

# Where the results go: tools/test gives its own directory to tools/check.
open_results() {
    if [ -z "${GLANCE_TEST_RESULTS:-}" ]; then
        GLANCE_TEST_RESULTS=$(mktemp -d)
        export GLANCE_TEST_RESULTS
        trap 'rm -rf "$GLANCE_TEST_RESULTS"' EXIT
        sums_up=yes
    fi
}

failed() {
    printf '%s\n' "$2" >"$GLANCE_TEST_RESULTS/$1.failed"
    printf 'FAILED %s: %s\n' "$1" "$2"
}

skipped() {
    printf '%s\n' "$2" >"$GLANCE_TEST_RESULTS/$1.skipped"
    printf 'skipped %s: %s\n' "$1" "$2"
}

# step NAME COMMAND...: a command that is right or wrong.
step() {
    local name=$1
    shift
    printf '== %s\n' "$name"
    "$@" || failed "$name" "$* ended with $?"
}

# tests NAME COMMAND...: run tests; the command writes subunit to its output.
tests() {
    local name=$1 code
    shift
    printf '== %s\n' "$name"
    set +e
    timeout --kill-after=60 "$TEST_RUN_SECONDS" "$@" </dev/null |
        tee "$GLANCE_TEST_RESULTS/$name.subunit" |
        .venv/bin/python tools/count.py --show
    code=${PIPESTATUS[0]}
    set -e
    [ "$code" = 0 ] && return
    # Why tests cannot even be listed is plain text in the stream.
    tail -c 4000 "$GLANCE_TEST_RESULTS/$name.subunit" | tr -cd '[:print:]\n'
    rm "$GLANCE_TEST_RESULTS/$name.subunit"
    failed "$name" "the run itself ended with $code"
}

# The last line, and the exit code.
sum_up() {
    [ "${sums_up:-no}" = yes ] || return 0
    .venv/bin/python tools/count.py "$GLANCE_TEST_RESULTS"
}

# Sourced by tools/check and tools/test: run steps, keep what came out of
# them in a directory, sum it up. Every step leaves one file there:
#   NAME.subunit   what the tests of a stestr run reported
#   NAME.stderr    what it said beside that: where a process crashed
#   NAME.seconds   how long that run took
#   NAME.failed    it did not do what it should; the text says why
#   NAME.skipped   it could not be done here; the text says why
# shellcheck shell=bash

# All parts together; continuous integration ends after 5400 s, and its log
# would not say which test was running.
readonly MAX_SECONDS=5100
# One part.
readonly MAX_PART_SECONDS=2400
# Runs a session of noxfile.py. PYTHON, which may have chosen the Python of
# .venv, would make stestr start another one.
# shellcheck disable=SC2034
readonly nox=(env -u PYTHON .venv/bin/nox --non-interactive --session)

# Where the results go: tools/test gives its own directory to tools/check.
open_results() {
    if [ -z "${GLANCE_TEST_RESULTS:-}" ]; then
        GLANCE_TEST_RESULTS=$(mktemp -d)
        GLANCE_TEST_DEADLINE=$(($(date +%s) + MAX_SECONDS))
        export GLANCE_TEST_RESULTS GLANCE_TEST_DEADLINE
        trap 'rm -rf "$GLANCE_TEST_RESULTS"' EXIT
        sums_up=yes
        .venv/bin/python -m tools.durations --load
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

# How long the next part may take.
part_seconds() {
    local left=$((GLANCE_TEST_DEADLINE - $(date +%s)))
    [ "$left" -lt "$MAX_PART_SECONDS" ] || left=$MAX_PART_SECONDS
    [ "$left" -gt 1 ] || left=1
    printf '%s\n' "$left"
}

# tests NAME COMMAND...: run tests; the command writes subunit to its output.
tests() {
    local name=$1 code begin=$SECONDS limit
    shift
    limit=$(part_seconds)
    printf '== %s\n' "$name"
    set +e
    PYTHONFAULTHANDLER=1 timeout --kill-after=60 "$limit" "$@" </dev/null \
        2> >(tee "$GLANCE_TEST_RESULTS/$name.stderr" >&2) |
        tee "$GLANCE_TEST_RESULTS/$name.subunit" |
        .venv/bin/python tools/count.py --show
    code=${PIPESTATUS[0]}
    set -e
    printf '%s\n' "$((SECONDS - begin))" >"$GLANCE_TEST_RESULTS/$name.seconds"
    [ "$code" = 0 ] && return
    # What was running then counts as failed, by its name.
    if [ "$code" = 124 ] || [ "$code" = 137 ]; then
        failed "$name" "the run did not end within $limit s"
        return
    fi
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

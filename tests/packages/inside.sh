#!/bin/bash
# Runs inside a booted Debian: install, start, use, restart under load,
# upgrade and purge the packages. One line "ok NAME" or "not ok NAME" a step.
set -u
exec >/debs/result 2>&1
cd /debs

step() { # NAME COMMAND...
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else
        echo "not ok $name"
        journalctl --no-pager -n 40
        tail -n 40 /var/log/glance/*.log
        systemctl poweroff
        exit 1
    fi
}
api=http://127.0.0.1:9292/v2/images

install_before() { dpkg -i /debs/before/*.deb; }
configure() {
    mkdir -p /etc/glance/glance-api.conf.d /etc/glance/glance-registry.conf.d
    sed -i 's#^\#\?connection = .*#connection = sqlite:////var/lib/glance/glance.sqlite#' \
        /etc/glance/glance-registry.conf
    grep -q '^connection = sqlite:////var/lib/glance/glance.sqlite' \
        /etc/glance/glance-registry.conf
    printf '\n# kept by the upgrade\n' >>/etc/glance/glance-api.conf
    for daemon in api registry; do
        printf '[DEFAULT]\nbind_host = 127.0.0.1\n[paste_deploy]\nflavor =\n' \
            >/etc/glance/glance-$daemon.conf.d/site.conf
    done
}
upgrade() {
    local before
    before=$(systemctl show -p MainPID glance-api)
    dpkg -i --force-confold /debs/*.deb &&
        [ "$(dpkg-query -Wf '${Version}' glance-api)" != 0.1.0 ] &&
        grep -q 'kept by the upgrade' /etc/glance/glance-api.conf &&
        [ "$before" = "$(systemctl show -p MainPID glance-api)" ] &&
        su -s /bin/sh glance -c 'glance-manage db expand' &&
        systemctl restart glance-registry glance-api &&
        curl -sf "$api/$image/file" | cmp - /tmp/data
}
db_sync() { su -s /bin/sh glance -c 'glance-manage db_sync'; }
start() { systemctl start glance-registry glance-api; }
aliases() {
    systemctl enable glance-api glance-registry &&
        [ "$(systemctl is-active openstack-glance-api)" = active ]
}
id_of() { sed -n 's/.*"id": *"\([^"]*\)".*/\1/p' | head -1; }
create() { # [NAME]
    curl -sSf -X POST -H 'Content-Type: application/json' "$api" -d \
        '{"name":"'"${1:-one}"'","disk_format":"raw","container_format":"bare"}' |
        id_of
}
put() { # IMAGE_ID FILE [OPTION...]: upload a file
    local made=$1 file=$2
    shift 2
    curl -sSf -X PUT -H 'Content-Type: application/octet-stream' \
        -T "$file" "$@" "$api/$made/file"
}
image_in_and_out() {
    head -c 20000000 /dev/urandom >/tmp/data
    image=$(create) && [ -n "$image" ] &&
        put "$image" /tmp/data &&
        curl -sf "$api/$image/file" | cmp - /tmp/data
}
# The load: clients of short transfers beside clients whose transfers last
# about ten seconds. Nobody repeats a request: each failure is counted.
readonly load=/tmp/load short=8 long=4
short_client() { # list, upload, download, delete until told to stop
    local made
    while [ ! -e $load/stop ]; do
        made=$(create) && [ -n "$made" ] &&
            put "$made" $load/small &&
            curl -sSf "$api/$made/file" | cmp -s - $load/small &&
            curl -sSf -X DELETE "$api/$made" ||
            { echo "short client $1: a request failed" >>$load/failures; }
        echo x >>$load/done
    done
}
long_client() { # KIND NUMBER: long transfers until told to stop
    while [ ! -e $load/stop ]; do
        if [ -e $load/gather ]; then
            : >"$load/ready.$1.$2"
            sleep 0.1
            continue
        fi
        rm -f "$load/ready.$1.$2"
        "long_$1" "$load/moving.$1.$2" ||
            { echo "long $1 $2 failed" >>$load/failures; }
        rm -f "$load/moving.$1.$2"
    done
}
long_download() { # FILE that shall exist while data moves
    curl -sSf --limit-rate 2M "$api/$image/file" -o "$1" && cmp "$1" /tmp/data
}
long_upload() { # FILE that shall exist while data moves
    local made
    made=$(create long) && [ -n "$made" ] &&
        echo "$made" >"$1" &&
        put "$made" /tmp/data --limit-rate 2M &&
        rm "$1" &&
        curl -sSf "$api/$made/file" | cmp - /tmp/data &&
        curl -sSf -X DELETE "$api/$made"
}
are_ready() { [ "$(find $load -name 'ready.*' | wc -l)" = $((2 * long)) ]; }
# Data of every long client is on its way.
are_moving() {
    [ "$(find $load -name 'moving.*' -size +0 | wc -l)" = $((2 * long)) ] &&
        [ "$(curl -sSf "$api?name=long&status=saving" |
            grep -o '"status": *"saving"' | wc -l)" = $long ]
}
have_ended() { [ -z "$(comm -12 <(ids) $load/moved)" ]; }
ids() { sort $load/moving.upload.* 2>/dev/null; }
# Start all long transfers at once and restart a daemon in their middle.
restart_while_data_moves() { # UNIT
    local begin
    : >$load/gather
    wait_for are_ready || return 1
    rm $load/gather
    wait_for are_moving || return 1
    ids >$load/moved
    begin=$SECONDS
    systemctl restart "$1" || return 1
    echo "$1: restarted in $((SECONDS - begin)) s, $((2 * long)) transfers ran"
    wait_for have_ended && wait_for_rounds 20
}
restart_under_load() {
    local n
    rm -rf $load
    mkdir $load
    head -c 300000 /dev/urandom >$load/small
    for n in $(seq $short); do short_client "$n" & done
    for n in $(seq $long); do
        long_client download "$n" &
        long_client upload "$n" &
    done
    wait_for_rounds 20 &&
        restart_while_data_moves glance-api &&
        restart_while_data_moves glance-registry ||
        echo 'the load did not come to its end' >>$load/failures
    touch $load/stop
    wait
    cat $load/failures 2>/dev/null
    [ ! -e $load/failures ]
}
wait_for() { # CONDITION
    local n=0
    until "$1"; do
        n=$((n + 1))
        [ $n -lt 1200 ] || { echo "waited in vain: $1"; return 1; }
        sleep 0.1
    done
}
# Wait until the short clients have done as many rounds more.
wait_for_rounds() { # NUMBER
    wanted=$(($(rounds) + $1))
    wait_for are_enough
}
are_enough() { [ "$(rounds)" -ge "$wanted" ]; }
rounds() { cat $load/done 2>/dev/null | wc -l; }
logs() { [ "$(stat -c %a:%U /var/log/glance)" = 750:glance ]; }
secure() {
    systemd-analyze security --threshold=30 \
        glance-api glance-registry glance-scrubber glance-cache-prefetcher
}
prefetch() {
    mkdir -p /etc/glance/glance-cache.conf.d &&
        printf '[DEFAULT]\nimage_cache_dir = /var/lib/glance/image-cache\n' \
            >/etc/glance/glance-cache.conf.d/site.conf &&
        systemctl start glance-cache-prefetcher &&
        [ -d /var/lib/glance/image-cache ]
}
rotate() { logrotate -f /etc/logrotate.d/glance; }
stop() { systemctl stop glance-api glance-registry; }
purge() {
    dpkg --purge glance-api glance-registry glance-common &&
        [ ! -e /etc/glance ] && [ ! -e /var/log/glance ] &&
        [ -e /var/lib/glance/images/"$image" ]
}
# The files of a controller of 2019 are there before the packages are.
train_install() {
    rm -rf /var/lib/glance/glance.sqlite
    cp -r /debs/train /etc/glance &&
        dpkg -i --force-confold /debs/*.deb &&
        diff -r /debs/train/glance-api.conf /etc/glance/glance-api.conf &&
        glance-manage config check --quiet
}
train_scrub() {
    curl -sf -X DELETE "$api/$image" &&
        [ -e /var/lib/glance/images/"$image" ] &&
        systemctl start glance-scrubber &&
        [ "$(systemctl is-active openstack-glance-scrubber)" = active ] &&
        wait_for_removal /var/lib/glance/images/"$image" &&
        systemctl stop glance-scrubber
}
wait_for_removal() {
    local n=0
    while [ -e "$1" ]; do
        n=$((n + 1))
        [ $n -lt 600 ] || return 1
        sleep 0.1
    done
}
train_log() {
    curl -sf "$api" >/dev/null && ! grep -q 'ERROR' /var/log/glance/api.log
}
purge_data() {
    systemctl stop glance-api glance-registry &&
        GLANCE_PURGE_DATA=1 \
            dpkg --purge glance-api glance-registry glance-common &&
        [ ! -e /var/lib/glance ] && [ ! -e /etc/glance ]
}

step install_before install_before
step configure configure
step db_sync db_sync
step start start
step image_in_and_out image_in_and_out
step upgrade upgrade
step aliases aliases
step restart_under_load restart_under_load
step logs logs
step secure secure
step rotate rotate
step prefetch prefetch
step stop stop
step purge purge
step train_install train_install
step train_db_sync db_sync
step train_start start
step train_image image_in_and_out
systemctl enable glance-scrubber
step train_scrub train_scrub
step train_log train_log
step purge_data purge_data
echo finished
systemctl poweroff

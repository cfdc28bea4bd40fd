# Sourced by tools/test: the stores, the servers of each one, what they need.
# shellcheck shell=bash

# STORE: servers for tests.live.servers, sessions of noxfile.py that make
# environments for them, PROGRAM=PACKAGE of Debian that they need.
# A store has its tests in tests/stores/test_STORE.py, and test_STORE_*.py.
declare -A store_servers=(
    [cinder]='mariadb ceph keystone cinder'
    [file]=''
    [gridfs]='mongodb'
    [nfs]=''
    [rbd]='memcached ceph'
    [s3]='memcached keystone swift ceph radosgw'
    [sheepdog]='sheep'
    [swift]='memcached keystone swift'
    [vmware]='vcenter'
)
declare -A store_sessions=(
    [cinder]='keystone cinder'
    [gridfs]='mongodb'
    [rbd]='keystone'
    [s3]='keystone swift'
    [swift]='keystone swift'
)
declare -A store_packages=(
    [cinder]='mariadbd=mariadb-server /usr/lib/rabbitmq=rabbitmq-server sudo=sudo
        ceph-mon=ceph-mon ceph-mgr=ceph-mgr ceph-osd=ceph-osd rbd=ceph-common
        /usr/share/doc/python3-rados=python3-rados
        /usr/share/doc/python3-rbd=python3-rbd'
    [nfs]='linux.uml=user-mode-linux rpc.nfsd=nfs-kernel-server
        mount.nfs=nfs-common rpcbind=rpcbind modprobe=kmod mkfs.ext4=e2fsprogs
        gcc=gcc /usr/share/doc/libc6-dev=libc6-dev'
    [rbd]='mariadbd=mariadb-server memcached=memcached
        ceph-mon=ceph-mon ceph-mgr=ceph-mgr ceph-osd=ceph-osd rbd=ceph-common
        /usr/share/doc/python3-rados=python3-rados
        /usr/share/doc/python3-rbd=python3-rbd'
    [s3]='memcached=memcached ceph-mon=ceph-mon ceph-mgr=ceph-mgr
        ceph-osd=ceph-osd rbd=ceph-common radosgw=radosgw'
    [swift]='memcached=memcached'
    [vmware]='go=golang-go openssl=openssl
        /usr/share/gocode/src/github.com/vmware/govmomi=golang-github-vmware-govmomi-dev'
)

# choose_stores [NAME...]: all if none is named.
choose_stores() {
    local name
    chosen_stores=("$@")
    [ $# -gt 0 ] || mapfile -t chosen_stores < <(
        printf '%s\n' "${!store_servers[@]}" | sort
    )
    for name in "${chosen_stores[@]}"; do
        [ -e "tests/stores/test_$name.py" ] && continue
        printf 'tools/test: no store %s; there are: %s\n' "$name" \
            "$(printf '%s\n' "${!store_servers[@]}" | sort | xargs)" >&2
        return 1
    done
}

missing_store_packages() {
    local name pair
    for name in "${chosen_stores[@]}"; do
        for pair in ${store_packages[$name]:-}; do
            command -v "${pair%%=*}" >/dev/null || [ -e "${pair%%=*}" ] ||
                printf '%s\n' "${pair#*=}"
        done
    done | sort -u
}

test_stores() {
    local name session servers=() failed_sessions=''
    for session in $(for name in "${chosen_stores[@]}"; do
        printf '%s\n' "${store_sessions[$name]:-}"
    done | tr ' ' '\n' | sort -u); do
        "${nox[@]}" "$session" || failed_sessions+=" $session"
    done
    [ -z "$failed_sessions" ] ||
        failed stores "environments could not be made:$failed_sessions"
    mapfile -t servers < <(for name in "${chosen_stores[@]}"; do
        printf '%s\n' "${store_servers[$name]:-}"
    done | tr ' ' '\n' | sed '/^$/d' | awk '!seen[$0]++')
    tests stores .venv/bin/python -m tests.live.servers "${servers[@]}" -- \
        env -u PYTHON "GLANCE_TEST_LARGE=$stores_large" \
        .venv/bin/stestr --test-path ./tests/stores \
        run --subunit --concurrency 2 \
        "^tests\.stores\.test_($(
            IFS='|'
            printf '%s' "${chosen_stores[*]}"
        )${GLANCE_TEST_UPSTREAM:+|upstream})(_[a-z]+)?\."
}

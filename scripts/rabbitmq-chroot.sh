#!/usr/bin/env bash
# Runs RabbitMQ from a Debian release in a chroot, to test with another version than the installed one. Needs root, and
# debootstrap for the installation. See docs/operations/rabbitmq-versions.md.
set -euo pipefail

root=${CHROOT:-/var/lib/flotilla-rabbitmq}
amqp=${AMQP_PORT:-5673}
management=${MANAGEMENT_PORT:-15673}
data=/var/tmp/flotilla-rabbitmq # inside the chroot
node=chroot@localhost
start_limit=180

install() {
  command -v debootstrap >/dev/null || { echo 'debootstrap is not installed: apt-get install debootstrap' >&2; exit 1; }
  local release=${1:-forky} scripts=/usr/share/debootstrap/scripts
  # an older debootstrap has no script for the newest release, which needs the same steps as sid
  [ -e "$scripts/$release" ] || ln -s sid "$scripts/$release"
  debootstrap --variant=minbase "$release" "$root"
  chroot "$root" apt-get install -y --no-install-recommends rabbitmq-server
}

prepare() {
  [ -x "$root/usr/lib/rabbitmq/bin/rabbitmq-server" ] || { echo "no RabbitMQ in $root; run $0 install" >&2; exit 1; }
  mkdir -p "$root$data/log"
  [ -c "$root/dev/null" ] || mknod -m 666 "$root/dev/null" c 1 3
  mountpoint -q "$root/proc" || mount --bind /proc "$root/proc"
  grep -qs localhost "$root/etc/hosts" || echo '127.0.0.1 localhost' >>"$root/etc/hosts"
  cat >"$root$data/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$amqp
management.tcp.ip = 127.0.0.1
management.tcp.port = $management
disk_free_limit.absolute = 50MB
collect_statistics_interval = 1000
CONF
  echo '[rabbitmq_management].' >"$root$data/enabled_plugins"
  : >"$root$data/env.conf"
}

in_chroot() {
  chroot "$root" env -i PATH=/usr/lib/rabbitmq/bin:/usr/bin:/bin HOME="$data" LANG=C.UTF-8 \
    RABBITMQ_NODENAME="$node" RABBITMQ_MNESIA_BASE="$data/mnesia" RABBITMQ_LOG_BASE="$data/log" \
    RABBITMQ_CONFIG_FILE="$data/rabbitmq.conf" RABBITMQ_CONF_ENV_FILE="$data/env.conf" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$data/enabled_plugins" RABBITMQ_PID_FILE="$data/rabbit.pid" \
    RABBITMQ_DIST_PORT=$((amqp + 20001)) ERL_EPMD_PORT=$((amqp + 20000)) ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' "$@"
}

answers() { curl -sf -m 3 -u guest:guest "http://127.0.0.1:$management/api/overview" >/dev/null; }

start() {
  prepare
  if ! answers; then
    in_chroot setsid rabbitmq-server >"$root$data/log/startup.log" 2>&1 </dev/null &
    for _ in $(seq "$start_limit"); do answers && break; sleep 1; done
    answers || { tail -30 "$root$data/log/startup.log" >&2; exit 1; }
  fi
  echo "export FLOTILLA_TEST_AMQP_URL=amqp://guest:guest@127.0.0.1:$amqp"
  echo "export FLOTILLA_TEST_MANAGEMENT_URL=http://guest:guest@127.0.0.1:$management"
}

stop() {
  local pid
  pid=$(cat "$root$data/rabbit.pid" 2>/dev/null || true)
  if [ -n "$pid" ] && grep -qa "$data" "/proc/$pid/cmdline" 2>/dev/null; then
    kill "$pid"
    for _ in $(seq 60); do [ -d "/proc/$pid" ] || break; sleep 1; done
  fi
  in_chroot epmd -port $((amqp + 20000)) -kill >/dev/null 2>&1 || true
}

case "${1:-}" in
  install | start | stop) "$@" ;;
  *) echo "usage: $0 install [forky|trixie] | start | stop" >&2; exit 2 ;;
esac

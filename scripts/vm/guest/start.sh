# Process 1 after init.sh: configures the machine, runs the agent, and powers off when the agent ends.
# The kernel's command line sets NAME of the machine, ADDRESS of its network interface with the prefix length,
# MTU of that interface, and DENO and AGENT to run commands. Busybox is linked statically, so its programs start
# several times faster here than those of the host.
# A step that fails ends the script, and so the machine, with the reason on the console.
set -e
trap 'echo o >/proc/sysrq-trigger; busybox sleep 60' EXIT
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

busybox mkdir -p /dev/shm /dev/pts
busybox mount -t tmpfs -o mode=1777 shm /dev/shm
busybox mount -t devpts -o mode=600,ptmxmode=666 devpts /dev/pts
busybox mount -t cgroup2 cgroup2 /sys/fs/cgroup
# Sockets and locks of the host's programs have no meaning here.
busybox mount -t tmpfs -o mode=755 run /run
busybox mkdir -m 1777 /run/lock
busybox ln -sf /proc/self/fd /dev/fd
busybox ln -sf fd/0 /dev/stdin
busybox ln -sf fd/1 /dev/stdout
busybox ln -sf fd/2 /dev/stderr

busybox hostname "$NAME"
printf '127.0.0.1 localhost %s\n::1 localhost\n' "$NAME" >/etc/hosts
busybox ip link set lo up
fabric=dummy0
[ -e /sys/class/net/eth0 ] && fabric=eth0
busybox ip link set "$fabric" mtu "$MTU" up
busybox ip address add "$ADDRESS" dev "$fabric"
# Not on lo, where rxe finds no route back.
rdma link add rxe0 type rxe netdev "$fabric"

ulimit -l unlimited
# A separate cache: copying that of the host into memory takes longer than compiling the agent.
export DENO_NO_UPDATE_CHECK=1 DENO_DIR=/run/deno
for port in /dev/vport*p1; do break; done
"$DENO" run --quiet --no-config --no-lock --no-remote --no-npm --allow-all "$AGENT" <>"$port" >&0

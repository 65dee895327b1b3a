# Process 1 once the host's files are in place: brings the machine up, runs the agent, powers off when it ends.
# From the kernel's command line: NAME of the machine, ADDRESS of its network interface with the prefix length,
# MTU the largest packet there, DENO and AGENT the program that runs commands, HOST_DENO_DIR its cache.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mkdir -p /dev/shm /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t devpts -o mode=600,ptmxmode=666 devpts /dev/pts
# Sockets and locks of the host's programs mean nothing here.
mount -t tmpfs -o mode=755 run /run
mkdir -m 1777 /run/lock
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for n in 0 1 2; do ln -sf /proc/self/fd/$n /dev/$(echo "stdin stdout stderr" | cut -d' ' -f$((n + 1))); done
ln -sf /proc/self/fd /dev/fd

hostname "$NAME"
printf '127.0.0.1 localhost %s\n::1 localhost\n' "$NAME" >/etc/hosts
ip link set lo up
fabric=dummy0
[ -e /sys/class/net/eth0 ] && fabric=eth0
ip link set "$fabric" mtu "$MTU" up
ip address add "$ADDRESS" dev "$fabric"
# Not on lo: rxe finds no route back there.
rdma link add rxe0 type rxe netdev "$fabric"

ulimit -l unlimited
export DENO_NO_UPDATE_CHECK=1
port=$(echo /dev/vport*p1)
"$DENO" run --quiet --no-config --no-lock --no-remote --no-npm --allow-all "$AGENT" <>"$port" >&0
echo o >/proc/sysrq-trigger
while :; do sleep 60; done

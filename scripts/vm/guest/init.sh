#!/bin/busybox sh
# The machine's first program. It mounts the host's files as the root, below a layer in memory for changes,
# and runs $START from there. START is on the kernel's command line; modules.boot is written when the image
# is built.
set -e
export PATH=/bin:/sbin
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox modprobe -a $(busybox cat /modules.boot)

busybox mkdir -p /host /layer /files
# cache=loose assumes that the host's files do not change while the machine runs. version=9p2000.L has links and modes.
busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=512000 host /host
busybox mount -t tmpfs -o size=75% layer /layer
busybox mkdir /layer/upper /layer/work
busybox mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work overlay /files

# The modules of this kernel replace those of the host.
busybox mkdir -p /files/lib/modules
busybox cp -r /lib/modules/* /files/lib/modules/
for system in proc sys dev; do busybox mount -o move /$system /files/$system; done
exec busybox switch_root /files /bin/busybox sh "$START"

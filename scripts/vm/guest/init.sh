#!/bin/busybox sh
# The machine's first program. It makes the host's files the root, below a layer in memory that takes what
# is written, and hands over to $START there. START comes from the kernel's command line; modules.boot is
# written when the image is built.
set -e
export PATH=/bin:/sbin
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox modprobe -a $(busybox cat /modules.boot)

busybox mkdir -p /host /layer /files
# cache=loose: the host's files are held to stay as they are while the machine runs. version=9p2000.L: with links and modes.
busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=512000 host /host
busybox mount -t tmpfs -o size=75% layer /layer
busybox mkdir /layer/upper /layer/work
busybox mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work overlay /files

# The modules are those of this kernel, not of the host's.
busybox mkdir -p /files/lib/modules
busybox cp -r /lib/modules/* /files/lib/modules/
for system in proc sys dev; do busybox mount -o move /$system /files/$system; done
exec busybox switch_root /files /bin/busybox sh "$START"

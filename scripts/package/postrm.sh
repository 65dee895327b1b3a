#!/bin/sh
# After a removal: /opt stays, which dpkg removes if it is empty. No package has it, and every system (hier(7)). At a purge:
# removes the cache of the services. The state has tokens, keys and bills, so it is left to the operator.
set -eu
root=${DPKG_ROOT:-}
case "$1" in remove | purge) mkdir -p "$root/opt" ;; esac
[ "$1" = purge ] || exit 0

rm -rf "$root/var/cache/rfaas"
for folder in /etc/rfaas /var/lib/rfaas; do
  if [ -e "$root$folder" ]; then echo "Kept $folder: remove it if nothing needs it any longer"; fi
done

#!/bin/sh
# At a purge: removes the cache of the services. The state has tokens, keys and bills, so it is left to the operator.
set -eu
[ "$1" = purge ] || exit 0

root=${DPKG_ROOT:-}
rm -rf "$root/var/cache/rfaas"
for folder in /etc/rfaas /var/lib/rfaas; do
  if [ -e "$root$folder" ]; then echo "Kept $folder: remove it if nothing needs it any longer"; fi
done

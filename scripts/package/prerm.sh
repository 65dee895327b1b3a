#!/bin/sh
# Before a removal: ends the services of this program and removes their units, which could not start again. An upgrade
# keeps them. DPKG_ROOT is the root of another system, see `man dpkg`.
set -eu
[ "$1" = remove ] || exit 0

root=${DPKG_ROOT:-}
for manager in executor-manager resource-manager; do
  unit=rfaas-$manager.service
  file=$root/etc/systemd/system/$unit
  grep -qs '^ExecStart=.* /opt/rfaas/' "$file" || continue
  if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now --quiet "$unit" || true # a node drains first
  else
    systemctl --root="$root/" disable --quiet "$unit" || true
  fi
  rm -f "$file"
  [ $manager = resource-manager ] || rm -f "$root/etc/systemd/system/rfaas.slice"
  echo "Removed $unit"
done
if [ -z "$root" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi

#!/bin/sh
# Starts rfaas by Deno: that of RFAAS_DENO, else /usr/local/bin/deno, else the first one on the PATH.
set -eu

fail() {
  echo "rfaas: Cannot start rfaas: $1" >&2
  exit 1
}

if [ -n "${RFAAS_DENO:-}" ]; then
  deno=$(command -v "$RFAAS_DENO") && [ -f "$deno" ] ||
    fail "there is no program $RFAAS_DENO, which RFAAS_DENO names"
elif [ -x /usr/local/bin/deno ]; then
  deno=/usr/local/bin/deno
else
  deno=$(command -v deno) ||
    fail "there is no deno in /usr/local/bin or on the PATH: install Deno DENO_VERSION, see https://docs.deno.com/runtime/getting_started/installation/, or set RFAAS_DENO to its path"
fi

program=$(dirname "$(dirname "$(readlink -f "$0")")")

# Deno looks for the bundler in its cache, where compiled code and the packages of functions are too. Without a network it
# has to be there before. If nothing can be written there, Deno reads the cache of the package, and compiles at each start.
home=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
cache=${DENO_DIR:-${XDG_CACHE_HOME:-$home/.cache}/deno}
for bundler in "$program"/cache/dl/*; do
  copy=$cache/dl/${bundler##*/}
  [ -d "$copy" ] && continue
  if { mkdir -p "$cache/dl" && cp -R "$bundler" "$copy.$$"; } 2>/dev/null; then
    # If another start was first, its copy stays.
    mv -T "$copy.$$" "$copy" 2>/dev/null || rm -r "$copy.$$"
  else
    cache=$program/cache
  fi
done

export DENO_DIR="$cache" DENO_NO_UPDATE_CHECK=1
exec "$deno" run --allow-all --no-prompt --quiet "$program/cli.ts" "$@"

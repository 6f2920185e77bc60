#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Runs ./dev as somebody does who has a Debian 12 with nothing on it but git, and then a second time.
#
# The Debian is a folder, filled by debootstrap and entered with chroot. Nothing of the host's file system is mounted in
# it: the project comes as a git bundle, and /dev has six nodes of its own. What is mounted (/proc) is mounted in a
# namespace that ends with the process, so that the folder can be removed without a thought for what hangs in it.
set -euo pipefail

name=tools/bare_debian.sh
usage() {
  cat <<TEXT
usage: $name [options] demo|test [tree]

Makes a Debian 12 with git and ca-certificates and nothing else, clones the tree into it (what is committed; without a
tree: the one this file stands in), runs ./dev demo or ./dev test there twice, and says what was installed and how long
it took. Needs root, debootstrap, git and the network.

  --cache DIR   where the Debian is kept as debian12.tar.gz, and unpacked for the run; without it build/bare_debian.
                Remove the file to have it made afresh.
  --mirror URL  a Debian mirror; without it the one that apt uses here
  --page        write what was said into docs/reference/fresh_machine.md of the tree that this file stands in
TEXT
}
fail() { printf '%s: %s\n' "$name" "$*" >&2; exit 1; }
say() { printf '== %s\n' "$*"; }

# timed COMMAND...: runs it and leaves the seconds it took in `seconds`.
timed() {
  local start=$EPOCHREALTIME status=0
  "$@" || status=$?
  seconds=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
  return $status
}

# as_page COMMAND LOG PAGE: what LOG says stands between two comments of the page that name the command. Of the tests only
# some are named.
as_page() {
  local command=$1 log=$2 page=$3
  grep -q "^<!-- $command -->\$" "$page" || fail "$page lacks the line <!-- $command -->"
  awk -v command="$command" -v log_file="$log" '
    function put(line) { sub(/[ \t]+$/, "", line); print line }
    $0 == "<!-- end of " command " -->" {
      print "\n```text"
      while ((getline line < log_file) > 0) {
        if (line ~ /^ +Start +[0-9]+: /) continue
        if (line !~ /^ *[0-9]+\/[0-9]+ Test +#/) { tests = 0; put(line); continue }
        if (++tests < 4) put(line)
        if (tests == 4) print "..."
      }
      print "```\n"
      inside = 0
    }
    !inside { print }
    $0 == "<!-- " command " -->" { inside = 1 }
  ' "$page" >"$page.part"
  mv "$page.part" "$page"
}

# --- inside the namespace --------------------------------------------------------------------------------------------

# What debootstrap mounts goes with the namespace too.
make_debian() {
  local root=$1 mirror=$2
  debootstrap --variant=minbase --include=git,ca-certificates bookworm "$root" ${mirror:+"$mirror"}
}

# run_dev ROOT COMMAND: everything in it happens as root of the bare Debian.
run_dev() {
  local root=$1 command=$2 node variable here=(HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8)
  for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "$root/dev/${node%:*}" c 1 "${node#*:}"; done
  mknod -m 666 "$root/dev/tty" c 5 0
  ln -s /proc/self/fd "$root/dev/fd"
  mkdir -m 1777 "$root/dev/shm"
  : 2>/dev/null >"$root/dev/null" || fail "$root lies where devices do not work (mounted with nodev); try another --cache"
  mount -t proc proc "$root/proc"

  for variable in TERM JOBS http_proxy https_proxy no_proxy; do
    [[ -z ${!variable:-} ]] || here+=("$variable=${!variable}")
  done
  inside() { chroot "$root" /usr/bin/env -i "${here[@]}" "$@" </dev/null; }
  packages() { inside dpkg-query -W -f '${Package} ${Version}\n'; }

  packages >"$root/tmp/before"
  say "Debian $(cat "$root/etc/debian_version") with $(wc -l <"$root/tmp/before") packages, $(nproc) processors"
  inside git -c advice.detachedHead=false clone -q /tmp/tree.bundle /opt/penstock
  say "cloned: $(inside git -C /opt/penstock log -1 --format='%h %s')"

  say "first run: ./dev $command"
  timed inside bash -c "cd /opt/penstock && ./dev $command" || fail "./dev $command failed after $seconds s"
  local first=$seconds
  say "second run: ./dev $command"
  timed inside bash -c "cd /opt/penstock && ./dev $command" || fail "the second ./dev $command failed after $seconds s"
  packages >"$root/tmp/after"
  say "installed by the first run: $(comm -13 "$root/tmp/before" "$root/tmp/after" | wc -l) packages, among them"
  comm -13 "$root/tmp/before" "$root/tmp/after" |
    grep -E '^(catch2|cmake|g\+\+|g\+\+-12|libboost1.81-dev|libfmt-dev|ninja-build|python3) ' | sed 's/^/   /'
  say "first run $first s, second run $seconds s"
}

if [[ ${1:-} == --in-namespace ]]; then
  shift
  "$@"
  exit
fi

# --- outside ---------------------------------------------------------------------------------------------------------

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
own_page=$tree/docs/reference/fresh_machine.md
cache="" mirror="" command="" page=""
while [[ $# -gt 0 ]]; do
  case $1 in
    --cache | --mirror) [[ $# -gt 1 ]] || fail "$1 needs a value"; declare "${1#--}=$2"; shift 2 ;;
    --page) page=$own_page; shift ;;
    -h | --help) usage; exit ;;
    demo | test) [[ -z $command ]] || fail "one command at a time"; command=$1; shift ;;
    *) [[ -n $command && -d $1 ]] || { usage >&2; exit 2; }; tree=$(cd "$1" && pwd); shift ;;
  esac
done
[[ -n $command ]] || { usage >&2; exit 2; }
[[ $(id -u) -eq 0 ]] || fail "needs root, for chroot and mknod"
for program in debootstrap git unshare; do
  command -v "$program" >/dev/null || fail "needs $program; on Debian: apt-get install debootstrap git util-linux"
done
mkdir -p "${cache:=$tree/build/bare_debian}"
cache=$(cd "$cache" && pwd -P)

in_namespace() {
  unshare --mount --pid --fork --kill-child --propagation private --mount-proc bash "${BASH_SOURCE[0]}" --in-namespace "$@"
}

# Never removes a folder in which something is mounted, and never leaves the folder's own file system.
root=""
clean_up() {
  [[ -n $root && -d $root ]] || return 0
  if awk -v root="$root" '$2 == root || index($2, root "/") == 1 { found = 1 } END { exit !found }' /proc/self/mounts; then
    fail "something is mounted in $root: not removed"
  fi
  rm -r --force --one-file-system "$root"
}
trap clean_up EXIT

if [[ ! -f $cache/debian12.tar.gz ]]; then
  if [[ -z $mirror ]] && command -v apt-get >/dev/null; then
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' | head -n 1)
  fi
  say "making a bare Debian 12 in $cache/debian12.tar.gz"
  root=$(mktemp -d "$cache/making.XXXXXX")
  chmod 755 "$root"
  timed in_namespace make_debian "$root" "$mirror" >"$cache/debootstrap.log" 2>&1 ||
    { tail -n 20 "$cache/debootstrap.log" >&2; fail "debootstrap failed; all it said is in $cache/debootstrap.log"; }
  tar --create --numeric-owner --one-file-system --exclude='./dev/*' --exclude='./var/cache/apt/archives/*.deb' \
    --directory "$root" --use-compress-program 'gzip -1' --file "$cache/debian12.tar.gz.part" .
  mv "$cache/debian12.tar.gz.part" "$cache/debian12.tar.gz"
  say "debootstrap took $seconds s"
  clean_up
fi

root=$(mktemp -d "$cache/root.XXXXXX")
chmod 755 "$root"
tar --extract --numeric-owner --directory "$root" --file "$cache/debian12.tar.gz"
mkdir -p "$root/dev"

# How to reach the network is the host's business: its resolver, its certificates, and what apt was told of proxies.
cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
# The installer of Debian writes this, and debootstrap does not.
[[ -e $root/etc/hosts ]] || printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
[[ ! -f /etc/ssl/certs/ca-certificates.crt ]] ||
  cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
if command -v apt-config >/dev/null; then
  apt-config dump | grep -E '^Acquire::(https?|Retries|Check-)' >"$root/etc/apt/apt.conf.d/90host" || true
fi

changed=$(git -C "$tree" status --porcelain | wc -l)
[[ $changed -eq 0 ]] || say "$changed changed files of the tree are not committed and do not take part"
git -C "$tree" bundle create --quiet "$root/tmp/tree.bundle" HEAD
in_namespace run_dev "$root" "$command" 2>&1 | tee "$cache/$command.log"
[[ -z $page ]] || as_page "$command" "$cache/$command.log" "$page"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Puts the libraries that fovea needs, built for 64-bit Arm, under DIR/usr: from the package sources this machine already
# uses, into lists and a cache of its own, so that the machine's architectures and packages stay as they are. No root.
# usage: arm64-sysroot.sh DIR    exit 77: they cannot be had here (no apt, no network, sources without arm64)
set -eu
[ $# = 1 ] || { echo "usage: arm64-sysroot.sh DIR" >&2; exit 2; }
packages="libyaml-dev libjansson-dev zlib1g-dev libjpeg-dev libpng-dev libcmocka-dev"
# The packages above and those of their dependencies that are not the C library, which comes with the cross compiler.
wanted='^(lib(yaml|jansson|jpeg|png|cmocka)[a-z0-9.-]*|zlib1g(-dev)?)$'

skip() { echo "skipped: arm64 libraries: $*"; exit 77; }
for tool in apt-get apt-cache dpkg-deb; do
    command -v "$tool" >/dev/null 2>&1 || skip "$tool is missing; this needs Debian or Ubuntu"
done
mkdir -p "$1"
dir=$(cd "$1" && pwd)
done_file=$dir/packages.txt
[ -f "$done_file" ] && exit 0

rm -rf "${dir:?}/apt" "${dir:?}/usr" "${dir:?}/lib"
mkdir -p "$dir/apt/state/lists/partial" "$dir/apt/cache/archives/partial"
arm64() {
    tool=$1
    shift
    "$tool" -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root -o Acquire::Languages=none \
        -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o Acquire::Retries=1 -o Dir::State="$dir/apt/state" \
        -o Dir::State::Lists="$dir/apt/state/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$dir/apt/cache" "$@"
}
log=$dir/apt/log
arm64 apt-get update -q >"$log" 2>&1 || { tail -n 3 "$log"; skip "the package sources do not answer"; }
# shellcheck disable=SC2086
names=$(arm64 apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances $packages 2>>"$log" | grep -E "$wanted" | sort -u)
for package in $packages; do
    echo "$names" | grep -qx "$package" || skip "the package sources have no $package for arm64"
done
# shellcheck disable=SC2086
(cd "$dir/apt" && arm64 apt-get download -q $names >>"$log" 2>&1) || { tail -n 3 "$log"; skip "downloading failed"; }
for file in "$dir"/apt/*.deb; do
    dpkg-deb -x "$file" "$dir"
done
# One folder for all libraries; links that name the root become relative to it.
if [ -d "$dir/lib" ]; then
    cp -a "$dir/lib/." "$dir/usr/lib/"
    rm -rf "${dir:?}/lib"
fi
find "$dir/usr/lib" -type l -lname '/*' | while read -r link; do
    ln -sf "$(basename "$(readlink "$link")")" "$link"
done
rm -rf "${dir:?}/apt"
echo "$names" >"$done_file" # last: a run that was cut off starts again

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs one case in an empty folder: run.sh SCRIPT FUNCTION, with FOVEA, CLI_PLANT, CLI_DRIVE and CLI_SHARED set.
set -eu
. "$(dirname "$0")/lib.sh"
script=$1
case=$2
. "$script"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-cli-XXXXXX")
pid=
# A run that a failed case left behind ends with it.
clean() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    chmod -R u+rwx "$scratch" 2>/dev/null
    rm -rf "$scratch"
}
trap clean EXIT
trap 'exit 1' INT TERM HUP
cd "$scratch"
"$case"
echo "$case: $checks checks"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs one case in an empty folder: run.sh SCRIPT FUNCTION, with FOVEA, CLI_PLANT, CLI_DRIVE and CLI_SHARED set.
set -eu
. "$(dirname "$0")/lib.sh"
script=$1
case=$2
. "$script"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-cli-XXXXXX")
trap 'chmod -R u+rwx "$scratch" 2>/dev/null; rm -rf "$scratch"' EXIT
cd "$scratch"
"$case"
echo "$case: $checks checks"

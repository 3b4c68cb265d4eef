#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The rules of the house that a compiler does not check. Usage: lint.sh BUILD_DIR
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
build=$1
bad=0
fail() { printf 'lint: %s\n' "$*" >&2; bad=1; }

sources=$(git -c safe.directory="$PWD" ls-files "*.c" "*.h" 2>/dev/null) ||
    sources=$(find bench examples include src tests tools -name "*.[ch]" | sort) # not from a repository

# 1. Format.
format=$(command -v clang-format-14 || command -v clang-format)
for f in $(echo "$sources" | xargs "$format" --dry-run 2>&1 | sed -n 's/^\([^:]*\):[0-9]*:[0-9]*: .*clang-format-violations.*/\1/p' | sort -u); do
    fail "$f: not formatted; run ./dev format"
done

# 2. Arrows between floors point down. Floors in brackets stand side by side.
declare -A level=([base]=0 [kernels]=1 [tensor]=2 [graph]=3 [ops]=4 [backend]=5 [plan]=6 [exec]=7 [model]=8 [nn]=9 [data]=9 [io]=9 [train]=10 [compress]=11 [transfer]=11 [bench]=11 [report]=11)
while IFS=: read -r file _ line; do
    from=${file#src/}
    from=${from%%/*}
    to=$(printf '%s' "$line" | sed -n 's/.*#include "\([a-z]*\)\/.*/\1/p')
    [ -n "$to" ] || continue
    [ -n "${level[$to]:-}" ] || { fail "$file: includes \"$to/...\", which is no floor"; continue; }
    [ "${level[$from]}" -ge "${level[$to]}" ] || fail "$file: $from may not use $to, which stands above it"
done < <(grep -n '#include "' $(echo "$sources" | grep '^src/') /dev/null)
if grep -n '#include "\(base\|kernels\|tensor\|graph\|ops\|backend\|plan\|exec\|model\|nn\|data\|io\|train\|compress\|transfer\|report\)/' $(echo "$sources" | grep -E '^(tools|examples)/') /dev/null; then
    fail "tools and examples use public headers only"
fi

# 3. No operator is named above the operators; nn, importers (folders of io), updates and teachers' losses, which build them, and backends, which solve them, excepted.
names=$(sed -n 's/^FV_OP_ROW(\([a-z0-9_]*\)).*/\1/p' src/ops/ops.def | paste -sd'|' -)
if grep -nE "\"($names)\"" $(echo "$sources" | grep -E '^src/(plan|exec|model|data|io|train|transfer|report)/') /dev/null | grep -v '"pad"\|"split"\|"crop"' | grep -v '^src/train/\(update\|optimizer_[a-z]*\|distill_loss\)\.c:\|^src/io/[a-z]*/'; then
    fail "an operator is named above the operators"
fi

# 4. File sizes.
for f in $sources; do
    lines=$(wc -l <"$f")
    [ "$lines" -le 600 ] || fail "$f: $lines lines; a file holds one idea in at most 600"
    head -n 1 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || fail "$f: the first line names the licence"
done
if grep -nE '\b(TODO|FIXME|XXX)\b' $sources; then
    fail "unfinished work belongs into an issue"
fi

# 5. Exported symbols.
for lib in "$build/libfovea.a" "$build/libfovea.so"; do
    [ -f "$lib" ] || { fail "$lib is missing"; continue; }
    flags=-g
    case $lib in *.so) flags=-gD ;; esac
    for s in $(nm $flags --defined-only "$lib" 2>/dev/null | awk 'NF==3 && $2 ~ /[TDBRV]/ {print $3}' | grep -v '^fv_' | sort -u); do
        fail "$(basename "$lib") exports $s; every exported name begins with fv_"
    done
done

# 6. Each public header compiles alone as C11 and as C++17.
for h in include/fovea/*.h; do
    printf '#include <fovea/%s>\nint fv_lint_unit;\n' "$(basename "$h")" >"$build/header.c"
    cp "$build/header.c" "$build/header.cc"
    gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -Iinclude "$build/header.c" || fail "$h does not compile alone as C11"
    g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -Iinclude "$build/header.cc" || fail "$h does not compile alone as C++17"
done

# 7. One name, one thing: fv_ belongs to what other files see, a type is defined once, and no function has a type's name.
if grep -nE '^static [^=;(]*\bfv_[a-z0-9_]+ *[[(=;]' $(echo "$sources" | grep -E '^(src|tools)/.*\.c$') /dev/null; then
    fail "a static name begins with fv_, which is for names that other files see"
fi
if grep -nE '^((typedef )?(struct|enum|union) fv_[a-z0-9_]+ \{|typedef .*\(\*?fv_[a-z0-9_]+\)\()' $(echo "$sources" | grep -E '^src/.*\.c$') /dev/null |
    grep -vE '^[^:]*:[0-9]*:struct '; then
    fail "a type of one file begins with fv_, which is for names that other files see"
fi
types=$(grep -hoE '^(typedef )?(struct|enum|union) fv_[a-z0-9_]+ \{' $(echo "$sources" | grep -E '^(src|include)/') | grep -oE 'fv_[a-z0-9_]+' | sort)
for t in $(echo "$types" | uniq -d); do
    fail "$t is the name of two types"
done
for t in $(grep -hoE '^[a-z].*\bfv_[a-z0-9_]+\(' $(echo "$sources" | grep -E '^(src|include)/.*\.h$') | grep -oE 'fv_[a-z0-9_]+\($' | tr -d '(' | sort -u | comm -12 - <(echo "$types" | sort -u)); do
    fail "$t is the name of a type and of a function"
done

# 8. A struct is one idea: at most 30 members, unless a table expands to them.
wide=$(awk -v max=30 -f scripts/struct_members.awk $(echo "$sources" | grep -E '^(include|src|tools)/'))
[ -z "$wide" ] || fail "$wide; group what belongs together"

# 9. Stored vectors are compared with: a test has the file's name, or that of a network whose file it opens.
for f in tests/golden/*.safetensors tests/golden/*.bin tests/golden/*.txt; do
    name=$(basename "$f")
    grep -rqE "\"([^\"]*/)?$name\"" tests --include='*.[ch]' ||
        grep -qs "\"${name%.*}\"" $(grep -rl 'golden/%s\.safetensors' tests --include='*.c') || fail "$f: no test reads it"
done

# 10. A test that a claim names exists: a program of tests/, a case of the command line (cli_NAME) or an example.
for t in $(grep '^|' tests/CAPABILITIES.md | grep -o '`[a-z0-9_]*`' | tr -d '`' | sort -u); do
    [ -n "$(ls tests/*/"$t.c" examples/"$t.c" 2>/dev/null)" ] || grep -qsE "^${t#cli_}\(\) \{" tests/cli/cases/*.sh ||
        fail "tests/CAPABILITIES.md: there is no test '$t'"
done

[ $bad -eq 0 ] && echo "lint: clean ($(echo "$sources" | wc -l) files)"
exit $bad

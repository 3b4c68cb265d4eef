#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs a build into an empty prefix and uses it as a stranger would: with pkg-config, shared and static, and with
# find_package. Usage: test_install.sh BUILD_DIR SOURCE_DIR CC CMAKE. Ends with 77 where pkg-config is missing.
set -eu
build=$1
source=$2
cc=$3
cmake=$4
command -v pkg-config >/dev/null || exit 77
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "test_install: $*" >&2; exit 1; }

# The prefix holds a space: quoting that is missing shows.
prefix=$scratch/an\ install
"$cmake" --install "$build" --prefix "$prefix" >"$scratch/install.log" || { cat "$scratch/install.log"; fail "install failed"; }
libdir=$(dirname "$(find "$prefix" -name libfovea.a)")
for file in "$libdir/libfovea.so" "$libdir/libfovea.so.0" "$libdir/pkgconfig/fovea.pc" "$libdir/cmake/fovea/foveaConfig.cmake" \
    "$prefix/include/fovea/fovea.h" "$prefix/share/doc/fovea/README.md" \
    "$prefix/share/doc/fovea/docs/tour.md" "$prefix/share/doc/fovea/examples/02_build_a_model.c"; do
    [ -e "$file" ] || fail "$file is not installed"
done
for header in "$source"/include/fovea/*.h; do
    cmp -s "$header" "$prefix/include/fovea/$(basename "$header")" || fail "$(basename "$header") is not installed"
done

# DESTDIR puts the same tree elsewhere and leaves its paths alone.
DESTDIR=$scratch/stage "$cmake" --install "$build" --prefix /usr >/dev/null
pc=$(find "$scratch/stage/usr" -name fovea.pc)
[ -n "$pc" ] || fail "DESTDIR: no fovea.pc under usr"
grep -q '^prefix=/usr$' "$pc" || fail "DESTDIR: fovea.pc does not say /usr"
if grep -rlF -e "$scratch" -e "$build" -e "$source" "$scratch/stage/usr/include" "$(dirname "$pc")" "$(dirname "$pc")/../cmake"; then
    fail "an installed file names the build"
fi

# The shared library exports the functions of the public headers and nothing else.
nm -gD --defined-only "$libdir/libfovea.so" | sed -n 's/.* [TDBRV] //p' | sed 's/@.*//' | sort -u >"$scratch/exported"
[ "$(wc -l <"$scratch/exported")" -gt 100 ] || fail "libfovea.so exports hardly anything"
cat "$prefix"/include/fovea/*.h | tr '\n' ' ' >"$scratch/headers"
while read -r symbol; do
    grep -q "[ *]$symbol(" "$scratch/headers" || fail "libfovea.so exports $symbol, which no public header declares"
done <"$scratch/exported"
for symbol in $(grep -ho '^FV_API [^(]*(' "$prefix"/include/fovea/*.h | sed 's/.*[ *]\(fv_[a-z0-9_]*\)($/\1/'); do
    grep -qx "$symbol" "$scratch/exported" || fail "$symbol is declared, but libfovea.so lacks it"
done

export PKG_CONFIG_PATH="$libdir/pkgconfig"
[ "$(pkg-config --modversion fovea)" = "$(sed -n 's/^project(fovea VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt")" ] ||
    fail "fovea.pc has another version"
example=$source/examples/09_data_pipeline.c
cd "$scratch"

# pkg-config gives shell words, quoted where they need it.
eval "set -- $(pkg-config --cflags --libs fovea)"
"$cc" "$example" -o shared "$@" || fail "compiling with pkg-config failed"
LD_LIBRARY_PATH=$libdir ./shared >shared.txt || fail "the program linked with libfovea.so failed"
LD_LIBRARY_PATH=$libdir ldd ./shared | grep -q 'libfovea\.so\.0' || fail "the program does not need libfovea.so.0"

# C++ builds networks with named arguments, too, and sees the version.
if command -v c++ >/dev/null; then
    cat >layers.cpp <<'TEXT'
#include <fovea/fovea.h>

#include <cstdio>
#include <cstring>

#if FOVEA_VERSION_MAJOR * 10000 + FOVEA_VERSION_MINOR * 100 + FOVEA_VERSION_PATCH < 100
#error an old fovea
#endif

int main()
{
    fv_ctx *ctx = nullptr;
    fv_model *m = nullptr;
    if (std::strcmp(fv_version(), FOVEA_VERSION) != 0 || fv_abi_version() != FOVEA_ABI_VERSION)
        return 1;
    if (fv_ctx_create(nullptr, &ctx) != FV_OK || fv_model_create(ctx, &m) != FV_OK)
        return 2;
    fv_value x = fv_input(m, 28, 28, 1);
    x = fv_conv2d(m, x, .filters = 8, .kernel = {3, 3}, .activation = FV_RELU);
    x = fv_batch_norm(m, x, .eps = 1e-3);
    x = fv_max_pool2d(m, x, .size = {2, 2});
    x = fv_avg_pool2d(m, fv_max_pool2d(m, x, .size = {1, 1}), .size = {2, 2});
    fv_dense_options dense = {}; // what the macros do, for compilers without named arguments
    dense.units = 10;
    x = fv_dense_with(m, fv_flatten(m, x), &dense);
    if (fv_model_finish(m, x) != FV_OK)
        return 3;
    std::printf("%lld\n", (long long)fv_model_parameters(m));
    fv_fit_options options;
    fv_fit_defaults(&options);
    options.epochs = 5;
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    return 0;
}
TEXT
    # 3 x 3 x 8 weights and 8 biases; 2 x 8 of batch norm; 6 x 6 x 8 x 10 weights and 10 biases.
    for cxx in c++ clang++; do
        command -v $cxx >/dev/null || continue
        for std in c++17 c++20; do
            eval "set -- $(pkg-config --cflags --libs fovea)"
            $cxx -std=$std -Wall -Wextra -Wpedantic -Wshadow -Werror layers.cpp -o layers "$@" || fail "compiling with $cxx -std=$std failed"
            [ "$(LD_LIBRARY_PATH=$libdir ./layers)" = $((80 + 16 + 2890)) ] || fail "what $cxx -std=$std compiled fails"
        done
    done
fi

# The installed examples need nothing but what is installed.
for example in "$prefix"/share/doc/fovea/examples/*.c; do
    eval "set -- $(pkg-config --cflags --libs fovea)"
    "$cc" -std=gnu17 -Wall -Werror "$example" -o example "$@" -lm || fail "compiling the installed $(basename "$example") failed"
done
example=$prefix/share/doc/fovea/examples/09_data_pipeline.c

# Without the shared library beside it, -lfovea is the archive.
mkdir only-static
mv "$libdir"/libfovea.so* only-static/
eval "set -- $(pkg-config --cflags --static --libs fovea)"
"$cc" "$example" -o static "$@" || fail "compiling with pkg-config --static failed"
mv only-static/* "$libdir"/
./static >static.txt || fail "the program linked with libfovea.a failed"
if ldd ./static | grep -q libfovea; then fail "the static program needs libfovea.so"; fi
cmp shared.txt static.txt || fail "the two programs print different things"

mkdir consumer
cat >consumer/CMakeLists.txt <<TEXT
cmake_minimum_required(VERSION 3.20)
project(consumer LANGUAGES C)
find_package(fovea 0.1 REQUIRED)
add_executable(shared "$example")
target_link_libraries(shared PRIVATE fovea::fovea)
add_executable(static "$example")
target_link_libraries(static PRIVATE fovea::static)
TEXT
"$cmake" -S consumer -B consumer/build -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix" >cmake.log 2>&1 &&
    "$cmake" --build consumer/build >>cmake.log 2>&1 || { cat cmake.log; fail "building with find_package failed"; }
for kind in shared static; do
    "consumer/build/$kind" >"$kind-cmake.txt" || fail "the $kind program built with find_package failed"
    cmp "$kind-cmake.txt" shared.txt || fail "the $kind program built with find_package prints something else"
done

if [ -x "$prefix/bin/fovea" ]; then
    "$prefix/bin/fovea" version | grep -q '^fovea ' || fail "the installed program does not run"
fi
echo "test_install: $(wc -l <"$scratch/exported") functions exported, 4 programs built and run"

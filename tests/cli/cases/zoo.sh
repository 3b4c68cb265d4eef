# SPDX-License-Identifier: Apache-2.0
# Trained networks by name: the index, fetching with the checksum verified first, and nothing from the network unasked.

# entry NAME FILE SOURCE: one of an index, with size and sum of FILE.
entry() {
    printf '{"name": "%s", "file": "%s.bin", "architecture": "lenet", "license": "Apache-2.0", "sha256": "%s", "bytes": %s, "source": %s}' \
        "$1" "$1" "$(sha256sum "$2" | cut -d' ' -f1)" "$(wc -c <"$2")" "$3"
}

# index FOLDER ENTRY...
index() {
    folder=$1
    shift
    {
        printf '{"format": 1, "models": ['
        printf '%s' "$1"
        shift
        [ $# = 0 ] || printf ', %s' "$@"
        printf ']}'
    } >"$folder/index.json"
}

# A client of the registry that downloads what WHEEL names, notes that it was asked, and fails as FAILS says.
registry() {
    mkdir -p bin
    cat >bin/pip3 <<'EOF'
#!/bin/sh
for word; do
    [ "$before" != --dest ] || dest=$word
    before=$word
done
echo "$@" >>"$ASKED"
[ -z "$FAILS" ] || { echo "Looking in indexes"; echo "ERROR: $FAILS"; echo "bye"; exit 1; }
cp "$WHEEL" "$dest/one-1.0-py3-none-any.whl"
EOF
    chmod +x bin/pip3
    export PATH="$PWD/bin:$PATH" ASKED="$PWD/asked" WHEEL="$PWD/wheel" FAILS=
}

use_zoo_get() {
    mkdir mirror
    export FOVEA_ZOO="$PWD/mirror"
    cp "$model" mirror/beside.bin
    index mirror "$(entry beside "$model" '{"file": true}')"
    code 0 "$FOVEA" zoo list
    prints "beside" "lenet, classify" "Apache-2.0" "comes with the index" "here     $FOVEA_ZOO/beside.bin"
    code 0 "$FOVEA" zoo list --json
    prints '"sha256": "' '"bytes": ' '"file": true'
    code 0 "$FOVEA" zoo get beside --output nets
    prints nets/beside.bin
    same nets/beside.bin "$model"
    code 0 "$FOVEA" zoo get beside --output nets
    code 0 "$FOVEA" zoo verify --output nets
    prints "ok         beside  nets/beside.bin"
    # A file of the name that is another stays, unless it may go.
    echo mine >nets/beside.bin
    fails 2 E2004 "nets/beside.bin is there, but is not 'beside'" "--force" -- "$FOVEA" zoo get beside --output nets
    grep -qx mine nets/beside.bin || die "the other file is gone"
    fails 4 E4004 "--force" -- "$FOVEA" zoo verify --output nets
    says "nets/beside.bin: 5 bytes, expected"
    prints "WRONG      beside"
    code 0 "$FOVEA" zoo get beside --output nets --force
    same nets/beside.bin "$model"
    # One bit off, and the wrong length: never in its place, and nothing is left of it.
    printf 'X' | dd of=mirror/beside.bin bs=1 seek=5000 conv=notrunc 2>/dev/null
    fails 4 E4004 "mirror/beside.bin: SHA-256 is " "expected " -- "$FOVEA" zoo get beside --output fresh
    [ -z "$(ls -A fresh)" ] || die "something of a wrong file was left"
    head -c 1000 "$model" >mirror/beside.bin
    fails 4 E4004 "1000 bytes, expected" -- "$FOVEA" zoo get beside --output fresh
    rm mirror/beside.bin
    fails 9 E9002 "mirror/beside.bin" -- "$FOVEA" zoo get beside --output fresh
    fails 2 E2002 "there is no network 'beside1'; did you mean 'beside'?" -- "$FOVEA" zoo get beside1
    fails 2 E2002 "there is no network 'lenet'; did you mean '" -- "$FOVEA" zoo get lenet # of that architecture
    fails 2 E2002 "there is no network 'zzzzzz'" "fovea zoo list" -- "$FOVEA" zoo verify zzzzzz
    fails 2 E2001 "which network?" -- "$FOVEA" zoo get
    fails 2 E2001 "did you mean verify?" -- "$FOVEA" zoo verfy
    fails 2 E2001 "do what?" -- "$FOVEA" zoo
    fails 2 E2004 "--offline has no effect" -- "$FOVEA" zoo list --offline
}

use_zoo_packages_and_addresses() {
    mkdir user mirror
    export FOVEA_ZOO="$PWD/user"
    registry
    plant onnx .
    "$FOVEA" run net.onnx --input x.npy --output wheel 2>/dev/null || "$FOVEA" run net.onnx --input x.npy --output wheel.npz 2>err ||
        skip "a library is missing"
    [ ! -e wheel.npz ] || mv wheel.npz wheel
    member=$(tail -c 200 wheel | grep -aoE '[a-z0-9_]+\.npy' | head -n 1)
    size=$(head -c 26 wheel | tail -c 4 | od -An -tu4 | tr -d ' ')
    skipped=$(head -c 30 wheel | tail -c 4 | od -An -tu2)
    head -c $((30 + $(echo $skipped | cut -d' ' -f1) + $(echo $skipped | cut -d' ' -f2) + size)) wheel | tail -c "$size" >inside
    sum=$(sha256sum wheel | cut -d' ' -f1)
    source="{\"package\": \"one==1.0\", \"path\": \"$member\", \"sha256\": \"$sum\"}"
    index user "$(entry packed inside "$source")" "$(entry far inside '{"url": "http://127.0.0.1:9/far.bin"}')" \
        "$(entry other inside "$(echo "$source" | sed 's/\(sha256": "\)../\100/')")" \
        "$(entry absent inside "$(echo "$source" | sed "s/$member/none.npy/")")" "$(entry wrong wheel "$source")"
    # Nothing but `get` asks the registry.
    code 0 "$FOVEA" zoo list
    prints "one==1.0" "http://127.0.0.1:9/far.bin"
    code 0 "$FOVEA" zoo verify
    prints "not here   packed"
    fails 9 E9002 "not all of these networks are here" -- "$FOVEA" zoo verify packed
    fails 9 E9002 "--model packed: the file of this network" "fovea zoo get" -- "$FOVEA" eval --data "$digits" --model packed
    fails 9 E9002 "--offline forbids to fetch it from one==1.0" -- "$FOVEA" zoo get packed --offline
    absent asked
    code 0 "$FOVEA" zoo get packed
    same user/packed.bin inside
    grep -q -- '--no-deps --only-binary=:all: ' asked || die "code of the package might run"
    grep -q 'one==1.0$' asked || die "another package was asked for"
    [ "$(wc -l <asked)" = 1 ] || die "asked more than once"
    code 0 "$FOVEA" zoo get packed
    [ "$(wc -l <asked)" = 1 ] || die "asked for what is there"
    code 0 "$FOVEA" zoo get packed --output elsewhere --offline # FOVEA_ZOO has it
    same elsewhere/packed.bin inside
    fails 4 E4004 "SHA-256 of the wheel is $sum, expected 00" -- "$FOVEA" zoo get other
    fails 4 E4004 "the wheel has no none.npy" -- "$FOVEA" zoo get absent
    fails 4 E4004 "one==1.0: " "bytes, expected" -- "$FOVEA" zoo get wrong
    export FAILS="no matching distribution"
    rm user/packed.bin
    fails 9 E9001 "pip download one==1.0 ended with code 1: no matching distribution" "needs none" -- "$FOVEA" zoo get packed
    "$FOVEA" zoo get far >out 2>err && die "got it from nowhere" # 9: nobody answers; 1: without libcurl
    grep -q 'http://127.0.0.1:9/far.bin: ' err || die "the address is not told"
    ls user | grep -v index.json && die "something was left"
    # Without a client.
    mkdir none
    ln -s "$(command -v env)" none/env
    fails 1 E1002 "pip cannot be run" "FOVEA_ZOO" -- env PATH="$PWD/none" "$FOVEA" zoo get packed
}

# From an address: by a server of this machine, with all that may go wrong on the way.
use_zoo_addresses() {
    mkdir user site
    export FOVEA_ZOO="$PWD/user" no_proxy=127.0.0.1
    head -c 70001 "$model" >site/net.bin
    (cd site && exec "$CLI_DRIVE" web port >asked) &
    server=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ -e site/port ] || sleep 0.2
    done
    at="http://127.0.0.1:$(cat site/port)"
    from() { echo "{\"url\": \"$at/$1/net.bin\"}"; }
    index user "$(entry good site/net.bin "$(from good)")" "$(entry moved site/net.bin "$(from moved)")" \
        "$(entry cut site/net.bin "$(from cut)")" "$(entry short site/net.bin "$(from short)")" \
        "$(entry more site/net.bin "$(from more)")" "$(entry away site/net.bin "$(from away)")" \
        "$(entry round site/net.bin "$(from round)")" "$(entry gone site/net.bin "$(from gone)")" \
        "$(entry absent site/net.bin "{\"url\": \"$at/good/none.bin\"}")" \
        "$(entry other site/net.bin "$(from good)" | sed 's/\("sha256": "\)../\100/')" \
        "$(entry size site/net.bin "$(from good)" | sed 's/"bytes": 70001/"bytes": 70000/')" \
        "$(entry large site/net.bin "$(from good)" | sed 's/"bytes": 70001/"bytes": 70002/')"
    got=0
    "$FOVEA" zoo get good >out 2>err || got=$?
    if grep -q 'libcurl' err; then kill $server && skip "libcurl is missing"; fi
    [ $got = 0 ] || die "zoo get ended with $got"
    same user/good.bin site/net.bin
    code 0 "$FOVEA" zoo get good # is there: nobody is asked
    code 0 "$FOVEA" zoo get moved
    same user/moved.bin site/net.bin
    equal "$(tr '\n' ',' <site/asked)" "good net.bin,moved net.bin,good net.bin,"
    fails 9 E9002 "--offline forbids to fetch it from $at/cut/net.bin" -- "$FOVEA" zoo get cut --offline
    fails 9 E9001 "$at/cut/net.bin: " "35001 bytes" -- "$FOVEA" zoo get cut
    fails 4 E4004 "$at/short/net.bin: 35000 bytes, expected 70001 of 'short'" -- "$FOVEA" zoo get short
    fails 4 E4004 "$at/more/net.bin: more than 70001 bytes, expected 70001 of 'more'" -- "$FOVEA" zoo get more
    fails 9 E9001 "$at/away/net.bin: " "file" -- "$FOVEA" zoo get away
    fails 9 E9001 "$at/round/net.bin: " "redirects" -- "$FOVEA" zoo get round
    fails 9 E9001 "$at/gone/net.bin: " "404" -- "$FOVEA" zoo get gone
    fails 9 E9001 "$at/good/none.bin: " "404" -- "$FOVEA" zoo get absent
    fails 4 E4004 "$at/good/net.bin: SHA-256 is $(sha256sum site/net.bin | cut -d' ' -f1), expected 00" -- "$FOVEA" zoo get other
    fails 4 E4004 "$at/good/net.bin: more than 70000 bytes" -- "$FOVEA" zoo get size
    fails 4 E4004 "$at/good/net.bin: 70001 bytes, expected 70002" -- "$FOVEA" zoo get large
    equal "$(ls user | tr '\n' ' ')" "good.bin index.json moved.bin " # nothing else has a name, and nothing is left
    kill $server
    wait $server || true
    fails 9 E9001 "$at/cut/net.bin: " "needs none" -- "$FOVEA" zoo get cut # nobody listens there
    mkdir mirror
    cp site/net.bin mirror/cut.bin
    cp user/index.json mirror/
    code 0 env FOVEA_ZOO="$PWD/mirror" "$FOVEA" zoo get cut --output fresh
    same fresh/cut.bin site/net.bin
}

# An index is a file of somebody else: what becomes a path, an address or an argument is held to a form.
use_zoo_bad_indexes() {
    mkdir zoo
    export FOVEA_ZOO="$PWD/zoo"
    good=$(entry one "$model" '{"file": true}')
    bad() { # EXIT CODE TEXT SED
        printf '{"format": 1, "models": [%s]}' "$(echo "$good" | sed "$4")" >zoo/index.json
        fails "$1" "$2" "index.json:1:" "$3" -- "$FOVEA" zoo list
    }
    bad 2 E2003 "a file's name" 's|one.bin|../../etc/passwd|'
    bad 2 E2003 "a file's name" 's|one.bin|.hidden|'
    bad 2 E2003 "'-r'" 's|"one"|"-r"|'
    bad 2 E2003 "64 digits" 's|"sha256": "..|"sha256": "|'
    bad 2 E2003 "expected 1 to" 's|"bytes": [0-9]*|"bytes": -1|'
    bad 2 E2003 "'license' is missing" 's|"license": "Apache-2.0", ||'
    bad 2 E2002 "did you mean 'license'?" 's|"license"|"lisense"|'
    bad 2 E2003 "NAME==VERSION" 's|{"file": true}|{"package": "--index-url=x==1", "path": "a", "sha256": "x"}|'
    bad 2 E2003 "a path within" 's|{"file": true}|{"package": "a==1", "path": "../a", "sha256": "x"}|'
    bad 2 E2003 "https://" 's|{"file": true}|{"url": "file:///etc/passwd"}|'
    bad 2 E2003 "source: expected" 's|{"file": true}|{"file": false}|'
    bad 2 E2003 "source: expected" 's|{"file": true}|{"file": true, "url": "https://a.b/c"}|'
    printf '{"format": 1, "models": [%s, %s]}' "$good" "$good" >zoo/index.json
    fails 2 E2003 "'one' (file one.bin) stands twice" -- "$FOVEA" zoo list
    printf '{"format": 2, "models": []}' >zoo/index.json
    fails 2 E2003 "format: expected 1" -- "$FOVEA" zoo list
    printf '{"format": 1, "models": [' >zoo/index.json
    fails 2 E2005 "index.json" -- "$FOVEA" zoo list
}

# --model, --weights and the word of info take a name of the index; what the card says is shown.
use_zoo_names_as_models() {
    mkdir zoo
    export FOVEA_ZOO="$PWD/zoo"
    code 0 "$FOVEA" train --data "$digits" --model lenet --max-steps 1 -b 8 --experiment lenet --license CC0-1.0 --date 2026-02-03 --data-name "digits: 600 images"
    cp runs/train/lenet/weights/last.safetensors zoo/mine.bin
    index zoo "$(entry mine zoo/mine.bin '{"file": true}')"
    code 0 "$FOVEA" eval --data "$digits" --split test --model mine
    says "--model mine: $FOVEA_ZOO/mine.bin"
    code 0 "$FOVEA" info mine
    prints "trained on        digits: 600 images" "license           CC0-1.0" "metrics           train_loss " " at epoch 1" "date              2026-02-03"
    code 0 "$FOVEA" info mine --json
    prints '"data":"digits: ' '"license":"CC0-1.0"' '"metrics":"' '"date":"2026-02-03"'
    code 0 "$FOVEA" train --data "$digits" --weights mine --model lenet --max-steps 1 -b 8 --experiment more
    says "$FOVEA_ZOO/mine.bin: tensors: "
    grep -q "^weights: $FOVEA_ZOO/mine.bin" runs/train/more/args.yaml || die "args.yaml does not name the file"
    printf X | dd of=zoo/mine.bin bs=1 seek=9000 conv=notrunc 2>/dev/null
    fails 4 E4004 "SHA-256 is" -- "$FOVEA" eval --data "$digits" --split test --model mine
    # What was said stands in the file, and in the recipe of its run; what was not, does not: another day, the same bytes.
    code 0 "$FOVEA" train --data "$digits" --model lenet --max-steps 1 -b 8 --experiment day --data-name "some digits" --date 1970-01-02
    code 0 "$FOVEA" info runs/train/day
    prints "trained on        some digits" "date              1970-01-02"
    code 0 "$FOVEA" train -c runs/train/day/args.yaml --experiment again
    same runs/train/day/weights/last.safetensors runs/train/again/weights/last.safetensors
    cp -r "$digits" elsewhere
    code 0 "$FOVEA" train --data "$digits" --model lenet --max-steps 1 -b 8 --experiment today
    code 0 env SOURCE_DATE_EPOCH=86400 "$FOVEA" train --data elsewhere --model lenet --max-steps 1 -b 8 --experiment elsewhere
    same runs/train/today/weights/last.safetensors runs/train/elsewhere/weights/last.safetensors
    code 0 "$FOVEA" info runs/train/today
    prints "trained on        600 images of 10 classes" "metrics           train_loss " "license           not said (--license)" "date              not said (--date)"
    fails 2 E2003 "--date: '2026-13-01'" -- "$FOVEA" train --data "$digits" --model lenet --max-steps 1 --date 2026-13-01
    cp runs/train/today/weights/last.safetensors plain.safetensors
    code 0 "$FOVEA" convert --model lenet --weights plain.safetensors --output told.safetensors --metrics "test top1 12 %" --date 2026-01-01
    code 0 "$FOVEA" info told.safetensors
    prints "metrics           test top1 12 %" "date              2026-01-01"
}

# What comes with the program: files as the index says, its figures, its terms on the card, and the recipes beside.
use_zoo_of_the_project() {
    unset FOVEA_ZOO
    code 0 "$FOVEA" zoo verify
    silent_about WRONG
    grep -q '^ok ' out || die "no network came with the program"
    sed -n 's/^ok *\([^ ]*\) .*/\1/p' out >names
    total=$(cat "$FOVEA_SOURCE_DIR"/zoo/*.safetensors | wc -c)
    [ "$total" -le 4000000 ] || die "the networks have $total bytes"
    while read -r name; do
        code 0 "$FOVEA" info "$name"
        prints "trained on        " "license           " "metrics           " "date              20"
        exists "$FOVEA_SOURCE_DIR/zoo/$name/args.yaml" "$FOVEA_SOURCE_DIR/zoo/$name/plan.txt" "$FOVEA_SOURCE_DIR/zoo/$name/results.csv"
        if grep -n '/' "$FOVEA_SOURCE_DIR/zoo/$name/args.yaml" | grep -v '^1:\|output: runs/train'; then die "$name: a path in the recipe"; fi
    done <names
    code 0 "$FOVEA" data make digits --output drawn --train 10 --test 2000 --seed 0
    code 0 "$FOVEA" eval --data drawn --split test --model lenet-digits --gate top1=0.99
    told=$("$FOVEA" zoo list --json | grep -A12 '"lenet-digits"' | sed -n 's/.*"test_top1": \([0-9.]*\).*/\1/p' | head -n 1)
    code 0 "$FOVEA" eval --data drawn --split test --model lenet-digits --json
    grep -q "\"top1\":$told," out || die "the index says $told"
}

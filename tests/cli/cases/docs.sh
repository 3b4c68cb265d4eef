# SPDX-License-Identifier: Apache-2.0
# Every command in README, docs and help runs as it stands, in a folder with small data under the names that they use.

# Commands of a page, one a line: those in its blocks of code (indented or fenced), and those between backquotes, which
# are marked with "inline". What a block's line says behind spaces and # stays: "# exit 3" is its exit code. A verb
# that stands anywhere else is "missed".
commands_of() {
    awk -v start='^([A-Z_]+=[^ ]* )*(fovea|\\./dev|camera|for|cc|cmake|export|sha256sum) ' \
        -v verb='(^|[^a-zA-Z/.])fovea (train|sanity|tune|grow|eval|val|predict|features|linear|search|info|bench|benchmark|factorize|prune|data|runs|zoo|doctor|version|help)( |$)' '
        /^```/ { fenced = !fenced; next }
        fenced || /^    / {
            line = $0
            sub(/^ +/, "", line)
            if (line ~ start) print "block " line
            else if (line ~ verb) print "missed " line
            next
        }
        {
            n = split($0, part, "`")
            for (i = 1; i <= n; i++)
                if (i % 2 == 0 && part[i] ~ start) print "inline " part[i]
                else if (part[i] ~ verb) print "missed " part[i]
        }' "$1"
}

# What runs elsewhere, and where. Each stands in some page.
elsewhere() {
    cat <<'TEXT'
./dev build && cmake --install build --prefix ~/.local|tests/all/test_install.sh
export PATH=~/.local/bin:$PATH PKG_CONFIG_PATH=~/.local/lib/pkgconfig LD_LIBRARY_PATH=~/.local/lib|tests/all/test_install.sh
cc app.c $(pkg-config --cflags --libs fovea)|tests/all/test_install.sh
TEXT
}

# The words in capitals, and what stands for them here.
placed() {
    sed -E 's/\bFILE\b/best.safetensors/; s/\bFOLDER\b/runs\/train\/exp/; s/\bNAME\b/lenet/; s/\bVERB\b/train/; s/YOUR_IMAGE/new/; s/photos\/val/both\/val/'
}

# The program, which draws little, and trains for one step, on photographs of 64 pixels a side.
small_program() {
    mkdir bin
    cat >bin/fovea <<'TEXT'
#!/bin/sh
case "$1 $2" in
"train "* | "distill "*)
    n=$#
    while [ "$n" -gt 0 ]; do
        case $1 in
        --max-steps) shift && n=$((n - 1)) ;;
        *) set -- "$@" "$1" ;;
        esac
        shift
        n=$((n - 1))
    done
    set -- "$@" --max-steps 1
    case "$*" in
    *--img-size* | *"--model small.safetensors"* | *"--model best.safetensors"* | "distill "*) ;; # which have a size
    *photos*) set -- "$@" --img-size 64 ;;
    esac
    ;;
"sanity "*)
    case "$*" in
    *photos*) set -- "$@" --img-size 32 -b 8 ;;
    esac
    ;;
"tune --resume" | "grow --resume") ;;
"tune "* | "grow "*)
    set -- "$@" --epochs 1 --max-steps 1
    case "$*" in
    *--ablate*) set -- "$@" --repeats 3 --augment hflip ;;
    tune*) set -- "$@" --trials 2 ;;
    esac
    ;;
"calibrate "*) set -- "$@" --data many ;; # which are enough
"linear --model" | "search --model")
    case "$*" in
    *--weights*) set -- "$@" --img-size 64 ;;
    esac
    ;;
"plan "*)
    case "$*" in
    *"--data "*--epochs*) set -- "$@" --probe 0.5 ;;
    esac
    ;;
"bench vgg-e") set -- "$@" --seconds 0 --layers conv5 --batch-size 1 ;;
"bench gemm")
    case $* in
    *[0-9]x[0-9]*) set -- "$@" --seconds 0 ;;
    *) set -- "$@" 64x64x64 --seconds 0 ;;
    esac
    ;;
"bench "* | "benchmark "* | "compress "*) set -- "$@" --seconds 0 ;;
"data make") set -- "$@" --train 80 --test 20 ;;
esac
exec "$FOVEA" "$@"
TEXT
    cat >bin/camera <<'TEXT'
#!/bin/sh
head -c $((2 * 480 * 640 * 3)) /dev/zero
TEXT
    chmod +x bin/fovea bin/camera
    PATH=$PWD/bin:$PATH
}

# Everything that the pages name.
small_data() {
    plant corpus corpus
    plant classes both/train count=12 cat dog
    plant classes both/val count=4 cat dog
    plant classes plain count=12 cat dog
    plant classes many/val count=60 cat dog
    set -- many/val/cat/* # some of the labels are wrong, as no temperature is best where all answers are right
    mv "$1" "$2" "$3" "$4" "$5" many/val/dog
    mkdir fields
    plant bands fields count=20
    mkdir frames
    for i in 1 2 10; do
        plant jpeg frames/frame$i.jpg
    done
    plant jpeg cat.jpg
    plant jpeg new.jpg
    plant png new.png c=1
    fovea data make digits --output digits 2>/dev/null
    ln -s digits PATH_OF_MNIST
    ln -s "$FOVEA_SOURCE_DIR/recipes" recipes
    for name in three seven eight; do
        { printf 'P5 28 28 255\n' && head -c 784 "$FOVEA"; } >$name.pgm
    done
    printf 'stages:\n- prune: {amount: 0.2, round-to: 1}\n- quantize: {samples: 16}\n' >chain.yaml
    darknet_network tiny
    mkdir keras
    plant keras keras
    mv keras/net.h5 keras_model.h5
    cp keras_model.h5 mnist.keras # formats are told by what is in a file
    mv keras/x.npy k.npy
    plant onnx .
    plant caffe .
    mv a.prototxt deploy.prototxt
    mv a.caffemodel net.caffemodel
    # The network of docs/architecture-files.md, with the dropout that docs/test-time.md wants.
    awk '/^    name: small/ { inside = 1 } inside && !/^    / { exit } inside { sub(/^    /, ""); print }' \
        "$FOVEA_SOURCE_DIR/docs/architecture-files.md" >small.yaml
    sed 's/- flatten/- dropout: 0.1\n  - flatten/' small.yaml >dropout.yaml
    grep -q dropout dropout.yaml || die "no small.yaml in docs/architecture-files.md"
    "$FOVEA" train --data both --model dropout.yaml --epochs 20 -b 8 --opt adam --lr 0.003 --monitor val_loss --quiet \
        --experiment small >/dev/null 2>&1
    cp runs/train/small/weights/best.safetensors best.safetensors
    cp best.safetensors m.safetensors
    cp best.safetensors other.safetensors
    "$FOVEA" train --data plain --model squeezenet1_1 --img-size 64 --max-steps 1 --quiet --experiment zoo >/dev/null 2>&1
    mkdir networks
    cp runs/train/zoo/weights/last.safetensors networks/squeezenet1_1.safetensors
    rm -r runs
}

# run_page FILE: all its commands, in their order.
run_page() {
    rm -rf runs photos
    sed -n 's/.*](\(images\/[^)]*\)).*/\1/p' "$1" >pictures
    while read -r name; do
        exists "$(dirname "$1")/$name"
    done <pictures
    case $(basename "$1") in # where a page scores a part, the photographs have parts
    evaluation.md | explaining.md) cp -r both photos ;;
    *) cp -r plain photos ;;
    esac
    mkdir -p runs/train
    "$FOVEA" train --data both --model small.yaml --max-steps 1 --quiet --experiment exp >/dev/null 2>&1
    mv runs kept
    commands_of "$1" >commands
    if [ "$1" != help.md ] && grep '^missed ' commands >&2; then die "$1: not where commands are looked for"; fi
    sed -i '/^missed /d' commands
    while read -r place line <&3; do
        want=$(expr "$line" : '.*  *# exit \([0-9]*\)' || true)
        command=$(printf '%s\n' "$line" | sed 's/  *#.*//')
        printf '%s\n' "$command" >>all
        if elsewhere | grep -qF "$command|"; then
            exists "$FOVEA_SOURCE_DIR/$(elsewhere | grep -F "$command|" | sed 's/.*|//')"
            continue
        fi
        case $command in
        *./dev\ *) known_to_dev "$command" && continue ;;
        esac
        command=$(printf '%s\n' "$command" | placed)
        if [ "$place" = inline ]; then
            [ -e runs/train/exp ] || { rm -rf runs && cp -r kept runs; }
            command=$(completed "$command")
        fi
        code "${want:-0}" sh -c "$command"
        case $command in # the page says that they are the same
        sha256sum*) equal "$(cut -d' ' -f1 out | sort -u | wc -l) of $(wc -l <out)" "1 of 4" ;;
        esac
    done 3<commands
    rm -rf kept
}

# ./dev builds: that it knows the word, and what a test it names is called, is all that can be tried in a test.
known_to_dev() {
    set -- ${1#*./dev }
    [ "$1" = help ] || grep -qE "^\./dev $1\b" dev-help || die "./dev help does not list: ./dev $*"
    shift
    for word in "$@"; do
        case $word in
        test_*) [ -n "$(find "$FOVEA_SOURCE_DIR/tests" -name "$word.c")" ] || die "there is no test $word" ;;
        esac
    done
}

# A command in a sentence names what the sentence is about, and no more; a verb alone stands for its help.
completed() {
    case $1 in
    *'fovea help '* | 'fovea doctor' | 'fovea version' | 'fovea runs') printf '%s\n' "$1" ;;
    'fovea train' | 'fovea distill' | 'fovea sanity' | 'fovea tune' | 'fovea grow' | 'fovea eval' | 'fovea predict' | 'fovea features' | 'fovea linear' | 'fovea search' | 'fovea info' | 'fovea bench' | 'fovea benchmark' | 'fovea data' | 'fovea data '[a-z]*)
        case $1 in
        *-*) printf '%s\n' "$1" ;;
        *) printf '%s\n' "fovea help ${1#fovea }" ;;
        esac
        ;;
    *' --data') printf '%s photos\n' "$1" ;;
    'fovea train'*)
        case $1 in
        *--data* | *--resume*) printf '%s\n' "$1" ;;
        *) printf '%s --data photos\n' "$1" ;;
        esac
        ;;
    'fovea eval'*) printf '%s --model best.safetensors\n' "$1" ;;
    'fovea info --selftest') printf '%s --model best.safetensors\n' "$1" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

use_commands_of_the_docs() {
    plant onnx .
    ! "$FOVEA" run net.onnx --input x.npy --output y.npz 2>&1 | grep -q 'made without\|without libzip' || skip "a library is missing"
    rm net.onnx open.onnx x.npy wide.npy last.npy rows.npy names.txt y.npz
    small_program
    small_data
    "$FOVEA_SOURCE_DIR/dev" help >dev-help
    for page in "$FOVEA_SOURCE_DIR"/README.md "$FOVEA_SOURCE_DIR"/docs/*.md; do
        run_page "$page"
    done
    # What help says in its sentences, each page as one paragraph; use_examples_of_the_help runs its examples.
    "$FOVEA" help | sed -n '/^First steps:/,$s/^  /    /p' >help.md
    for words in "" train sanity tune grow eval predict info bench benchmark data "data make" "data check" "data pack" "data split" "data stats" "data show" \
        runs doctor version help config environment models augment $("$FOVEA" help codes | cut -d' ' -f1); do
        "$FOVEA" help $words all 2>/dev/null >page || "$FOVEA" help $words >page
        sed '/^Examples:/,/^$/d; /^First steps:/,$d' page | tr -s ' \n' ' '
        echo
    done >>help.md
    run_page help.md
    elsewhere | while IFS='|' read -r line _; do
        grep -qxF "$line" all || die "no page has: $line"
    done
    [ "$(wc -l <all)" -ge 80 ] || die "only $(wc -l <all) commands found"
}

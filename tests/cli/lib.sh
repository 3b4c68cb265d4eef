# SPDX-License-Identifier: Apache-2.0
# What the cases share. The program's output goes to the files out and err of the case's folder.
checks=0
digits=$CLI_SHARED/digits
photos=$CLI_SHARED/photos
model=$CLI_SHARED/model.safetensors
plant() { "$CLI_PLANT" "$@"; }
drive() { "$CLI_DRIVE" "$@"; }

die() {
    echo "FAILED: $*" >&2
    [ ! -f err ] || { echo "--- its messages:"; tail -n 20 err | cut -c1-400; } >&2
    [ ! -f out ] || { echo "--- its output:"; tail -n 20 out | cut -c1-400; } >&2
    exit 1
}

skip() {
    echo "skipped: $*"
    exit 77
}

# code N COMMAND: it must end with that exit code.
code() {
    expected=$1
    shift
    got=0
    "$@" >out 2>err || got=$?
    checks=$((checks + 1))
    [ "$got" = "$expected" ] || die "exit code $got instead of $expected: $*"
    if grep -q 'AddressSanitizer\|runtime error\|ThreadSanitizer' err; then die "a sanitizer spoke: $*"; fi
    if grep -q '^hint: .*\(--\|fovea \)' err; then hints_hold "$@"; fi
}

# hints_hold COMMAND: commands between backquotes in the hints that it printed are of verbs, actions, topics and flags
# that there are, and flags elsewhere in a hint are of the verb that printed it. Commands of the cases begin with the
# program; a function of theirs may be of any verb.
hints_hold() {
    verb=any
    for word in "$@"; do
        case $verb in
        next) verb=$word ;;
        data) verb="data $word" && break ;;
        *) [ "$word" != "$FOVEA" ] || verb=next ;;
        esac
        case $verb in any | next | data) ;; *) break ;; esac
    done
    grep '^hint: ' err | grep -oE '`fovea [^`]*`' | tr -d '`' >named || true
    while read -r _ name action rest; do
        case $name in
        help) code_of_help "$action $rest" ;;
        data) code_of_help "data $action" && flags_hold "data $action" "$rest" ;;
        *) code_of_help "$name" && flags_hold "$name" "$action $rest" ;;
        esac
    done <named
    flags_hold "$verb" "$(grep '^hint: ' err | sed 's/`fovea [^`]*`//g')"
    rm -f named
}

code_of_help() {
    # shellcheck disable=SC2086
    "$FOVEA" help $1 >/dev/null 2>&1 || die "a hint names \`fovea help $1\`, which fails"
}

flags_hold() {
    page="$CLI_SHARED/help/$(echo "$1" | tr ' ' -)"
    [ "$1" != any ] || page="$CLI_SHARED/help/*"
    # shellcheck disable=SC2086
    ls $page >/dev/null 2>&1 || return 0 # a misspelt verb, of which the message is
    for flag in $(printf '%s\n' "$2" | grep -oE '(^|[^a-zA-Z0-9_-])--[a-z][a-z0-9-]*' | grep -oE -- '--.*'); do
        checks=$((checks + 1))
        # shellcheck disable=SC2086
        cat $page | grep -qE -- "$flag([^a-z0-9-]|\$)" || die "a hint names $flag, which $1 does not take"
    done
}

# says TEXT...: standard error must have each of these fixed texts; prints does the same for standard output.
says() {
    for text in "$@"; do
        checks=$((checks + 1))
        grep -qF -e "$text" err || die "the message lacks: $text"
    done
}

prints() {
    for text in "$@"; do
        checks=$((checks + 1))
        grep -qF -e "$text" out || die "the output lacks: $text"
    done
}

silent_about() {
    for text in "$@"; do
        checks=$((checks + 1))
        if grep -qF -e "$text" err out; then die "it says: $text"; fi
    done
}

# fails N CODE TEXT... -- COMMAND: exit code N with one line "fovea: error[CODE]: ..." that has each TEXT, in the line
# or in the hint behind it.
fails() {
    number=$1
    label=$2
    shift 2
    rm -f wanted
    : >wanted
    while [ "$1" != -- ]; do
        printf '%s\n' "$1" >>wanted
        shift
    done
    shift
    code "$number" "$@"
    one_error "$label"
    while IFS= read -r text; do
        says "$text"
    done <wanted
    rm -f wanted
}

# One error line of that code, and nothing that only a developer could read.
one_error() {
    checks=$((checks + 1))
    [ "$(grep -c '^fovea: error\[' err)" = 1 ] || die "not exactly one error line"
    grep -q "^fovea: error\[$1\]: " err || die "the error is not $1"
    if grep -qi 'assert\|segmentation\|\.c:[0-9]\|(null)\|%[sdl]\b' err; then die "a message for developers"; fi
}

exists() {
    for file in "$@"; do
        checks=$((checks + 1))
        [ -e "$file" ] || die "$file is missing"
    done
}

absent() {
    for file in "$@"; do
        checks=$((checks + 1))
        [ ! -e "$file" ] || die "$file is there"
    done
}

same() {
    checks=$((checks + 1))
    cmp -s "$1" "$2" || die "$1 and $2 differ"
}

differ() {
    checks=$((checks + 1))
    if cmp -s "$1" "$2"; then die "$1 and $2 are the same"; fi
}

equal() {
    checks=$((checks + 1))
    [ "$1" = "$2" ] || die "found '$1', expected '$2'"
}

# unchanged FOLDER COMMAND: the command must leave every file there as it is.
unchanged() {
    folder=$1
    shift
    fingerprint "$folder" >before
    "$@"
    fingerprint "$folder" >after
    same before after
}

# What is in a lock says nothing once nobody holds it.
fingerprint() {
    (cd "$1" && find . -type f ! -name .lock -exec cksum {} + && find . -exec stat -c '%n %f' {} +) | LC_ALL=C sort
}

# No temporary file may stay behind.
no_leftovers() {
    checks=$((checks + 1))
    left=$(find "$1" -name '*.tmp*' -o -name '.*.tmp*')
    [ -z "$left" ] || die "left behind: $left"
}

# tiny_run ...: an epoch of resnet8 on pictures of 16x16.
tiny_run() { "$FOVEA" train --model resnet8 --img-size 16 --epochs 1 "$@"; }

# Small and quick: lenet on the shared digits, two epochs of a few steps.
small_run() {
    "$FOVEA" train --data "$digits" --model lenet --epochs 2 --batch-size 60 --lr 0.05 "$@"
}

# darknet_network NAME: NAME.cfg and NAME.weights, of drawn digits, which knows nothing.
darknet_network() {
    printf '# made\n[net]\nheight=28\nwidth=28\nchannels=1\n\n[convolutional]\nfilters=10\nsize=1\nactivation=linear\n\n[avgpool]\n' >"$1.cfg"
    {
        printf '\0\0\0\0\002\0\0\0\005\0\0\0'
        head -c 88 /dev/zero # images seen, 10 biases, 10 weights
    } >"$1.weights"
}

needs_faults() {
    [ -n "${CLI_FAULTS:-}" ] || skip "faults cannot be preloaded into a sanitized program"
}

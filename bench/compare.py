# SPDX-License-Identifier: Apache-2.0
"""Times peers and fovea in turns and prints a table; train.sh and infer.sh start it. README.md says how to read it.

Every contestant is a warm process that waits while another one runs (`fvbench` starts anew each time). A round is one turn of each. A turn during
which other programs used more than --quiet CPUs is taken again, whoever's it was: one busy neighbor costs PyTorch's barriers a factor of ten."""
import argparse
import json
import os
import platform
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
TRAIN = ("mnist_cnn:64", "resnet20:128", "resnet50:16")
INFER = ("resnet50:1", "mobilenet_v2:1", "squeezenet1_1:1")
MODES = ("eager", "channels_last", "compile", "compile_channels_last")
# glibc gives large blocks back to the system after each step and faults them in again; keeping them makes PyTorch up to 16 % faster.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(1 << 26)}
TICK = os.sysconf("SC_CLK_TCK")


def processor():
    facts = {}
    for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        facts[key.strip()] = value.strip()
    flags = facts.get("flags", facts.get("Features", "")).split()
    sets = [f for f in ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile", "asimd", "sve") if f in flags]
    return (f"{facts.get('model name', platform.machine())}, family {facts.get('cpu family', '?')} model {facts.get('model', '?')}, "
            f"{len(os.sched_getaffinity(0))} CPUs, {' '.join(sets)}")


def busy_seconds():
    """CPU seconds that all programs of the machine have used, from /proc/stat (user, nice, system, irq, softirq, steal)."""
    v = [int(x) for x in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return (v[0] + v[1] + v[2] + v[5] + v[6] + v[7]) / TICK


def process_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Peer:
    """A worker of peers/ that measures one round for each line it is sent."""

    def __init__(self, label, command, environment):
        self.label, self.figures = label, []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})
        self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.label}: ended with status {self.process.wait()}; its message is above")
        return json.loads(line)

    def turn(self, key):
        before = process_seconds(self.process.pid)
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        figures = self.read()
        return (figures[key], figures["median_" + key]), process_seconds(self.process.pid) - before

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Fovea:
    def __init__(self, command):
        self.label, self.command, self.figures = "fovea", command, []

    def turn(self, key):
        def used():
            u = resource.getrusage(resource.RUSAGE_CHILDREN)
            return u.ru_utime + u.ru_stime

        before = used()
        text = subprocess.run(self.command, check=True, stdout=subprocess.PIPE, text=True).stdout
        figures = dict(re.findall(r"\b(\w+)=([0-9.]+)", text))
        if key not in figures or "median_" + key not in figures:
            sys.exit(f"{' '.join(self.command)}: printed no {key}=NUMBER median_{key}=NUMBER but: {text!r}")
        return (float(figures[key]), float(figures["median_" + key])), used() - before

    def close(self):
        pass


def contestants(a, model, batch, threads):
    common = ["--model", model, "--batch-size", batch, "--threads", str(threads), "--seconds", str(a.seconds)]
    if a.what == "train":
        for mode in a.modes:
            yield Peer(f"torch {mode}", [sys.executable, "-W", "ignore", str(HERE / "peers/train_torch.py"), *common, "--mode", mode,
                                         "--rounds", "0"], KEEP_MEMORY)
    else:
        yield Peer("onnxruntime", [sys.executable, str(HERE / "peers/infer_ort.py"), *common, "--onnx", str(a.onnx),
                                   "--rounds", "0"], {})
    if a.fvbench:
        yield Fovea([a.fvbench, a.what, *common])


def wait_for_quiet(a, until):
    """Sleeps until the machine is quiet for half a second, or until the given time."""
    while time.perf_counter() < until:
        before = busy_seconds()
        time.sleep(0.5)
        if (busy_seconds() - before) / 0.5 <= a.quiet:
            return


def quiet_turn(a, rival, key):
    """A turn's best and median figure and the CPUs others used meanwhile; after --patience seconds a disturbed turn counts too, and shows it."""
    until = time.perf_counter() + a.patience
    while True:
        wait_for_quiet(a, until)
        begin, all_before = time.perf_counter(), busy_seconds()
        value, own = rival.turn(key)
        now = time.perf_counter()
        others = max(0.0, busy_seconds() - all_before - own) / (now - begin)
        if others <= a.quiet or now >= until:
            return value, others


def compare(a, model, batch, threads):
    key = "img_per_s" if a.what == "train" else "ms"
    better = max if a.what == "train" else min
    rivals = list(contestants(a, model, batch, threads))
    for _ in range(a.rounds):
        for rival in rivals:
            value, others = quiet_turn(a, rival, key)
            rival.figures.append((value, others))
            print(f"# {model} b{batch} {threads}T {rival.label}: {key}={value[0]} median={value[1]} others={others:.2f}", file=sys.stderr, flush=True)
    for rival in rivals:
        rival.close()
    rows = [(r.label, better(v[0] for v, _ in r.figures), median(v[1] for v, _ in r.figures), median(o for _, o in r.figures))
            for r in rivals]
    peers = [row for row in rows if row[0] != "fovea"]
    strongest = (better(row[1] for row in peers), better(row[2] for row in peers))
    for label, best, middle, others in rows:
        ratio = (best / strongest[0], middle / strongest[1]) if a.what == "train" else (strongest[0] / best, strongest[1] / middle)
        print(f"| {model} b{batch} | {threads} | {label} | {best:.5g} | {middle:.5g} | {ratio[0]:.2f} ({ratio[1]:.2f}) | {others:.2f} |",
              flush=True)


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("what", choices=("train", "infer"))
    args.add_argument("--models", nargs="+", metavar="NAME:BATCH", help="default: those of the acceptance table")
    args.add_argument("--modes", nargs="+", choices=MODES, default=MODES, help="train: PyTorch's modes (default: all)")
    args.add_argument("--threads", nargs="+", type=int, help="default: train 2, infer 1 and 2")
    args.add_argument("--seconds", type=float, default=5, help="length of a turn (default 5)")
    args.add_argument("--rounds", type=int, default=9)
    args.add_argument("--quiet", type=float, default=0.1, help="CPUs that others may use during a turn (default 0.1)")
    args.add_argument("--patience", type=float, default=120, help="seconds to try for a quiet turn (default 120)")
    args.add_argument("--onnx", type=Path, help="infer: folder of export_onnx.py")
    args.add_argument("--fvbench", default=os.environ.get("FVBENCH"), help="fovea's side; without it the peers run alone")
    a = args.parse_args()
    if a.what == "infer" and not a.onnx:
        args.error("infer needs --onnx FOLDER; make it with peers/export_onnx.py FOLDER")
    unit = "img/s (higher is better)" if a.what == "train" else "ms (lower is better)"
    print(f"{time.strftime('%Y-%m-%d')}, {processor()}, {a.rounds} rounds of {a.seconds:g} s in turns; {unit}\n")
    print("| network | threads | who | best | median | speed against the strongest peer: best (median) | CPUs others used |\n"
          "|---|---|---|---|---|---|---|")
    for item in a.models or (TRAIN if a.what == "train" else INFER):
        model, _, batch = item.partition(":")
        for threads in a.threads or ((2,) if a.what == "train" else (1, 2)):
            compare(a, model, batch or "1", threads)


if __name__ == "__main__":
    main()

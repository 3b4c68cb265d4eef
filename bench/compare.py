# SPDX-License-Identifier: Apache-2.0
"""Times peers and fovea in turns, compares what they answer, and prints a table; train.sh and infer.sh start it. README.md says how to read it.

Every contestant is a warm process that waits while another one runs (fovea starts anew each time). A round is one turn of each. A turn during
which other programs used more than --quiet CPUs is taken again, whoever's it was: one busy neighbor costs PyTorch's barriers a factor of ten."""
import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
TRAIN = ("mnist_cnn:64", "resnet20:128", "resnet50:16")
INFER = ("vgg16:1", "vgg16:16", "resnet50:1", "resnet50:16", "resnet18:1", "resnet18:16", "mobilenet_v2:1", "squeezenet1_1:1")
PEERS = {"onnxruntime": "onnxruntime", "openvino": "openvino", "ncnn": "ncnn", "mnn": "MNN", "torch jit": "torch", "torch compile": "torch"}
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
        for line in self.process.stdout:
            if line.startswith("{"):  # some libraries talk on standard output, too
                return json.loads(line)
        return sys.exit(f"{self.label}: ended with status {self.process.wait()}; its message is above")

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
    """A command that ends by itself; `read` takes the best and the median figure from what it prints."""

    def __init__(self, command, read):
        self.label, self.command, self.read, self.figures = "fovea", command, read, []

    def turn(self, key):
        def used():
            u = resource.getrusage(resource.RUSAGE_CHILDREN)
            return u.ru_utime + u.ru_stime

        before = used()
        text = subprocess.run(self.command, check=True, stdout=subprocess.PIPE, text=True).stdout
        try:
            return self.read(text), used() - before
        except (KeyError, IndexError, ValueError):
            sys.exit(f"{' '.join(self.command)}: unexpected output: {text!r}")

    def close(self):
        pass


def read_fvbench(text):
    figures = dict(re.findall(r"\b(\w+)=([0-9.]+)", text))
    return float(figures["img_per_s"]), float(figures["median_img_per_s"])


def read_benchmark(text):
    row = json.loads(text)["rows"][0]
    return row["best_ms"], row["p50_ms"]


def contestants(a, model, batch, threads, scratch):
    common = ["--model", model, "--batch-size", batch, "--threads", str(threads), "--seconds", str(a.seconds)]
    if a.what == "train":
        for mode in a.modes:
            yield Peer(f"torch {mode}", [sys.executable, "-W", "ignore", str(HERE / "peers/train_torch.py"), *common, "--mode", mode,
                                         "--rounds", "0"], KEEP_MEMORY)
        if a.fvbench:
            yield Fovea([a.fvbench, "train", *common], read_fvbench)
        return
    for name in a.peers:
        yield Peer(name, [sys.executable, "-W", "ignore", str(HERE / "peers/infer.py"), "--peer", name, *common, "--folder", str(a.folder),
                          "--rounds", "0", "--input", str(scratch / "input.npy"), "--answer", str(scratch / f"{name}.npy")], {})
    if a.fovea:
        yield Fovea([a.fovea, "benchmark", str(a.folder / f"{model}.onnx"), "--batch-size", batch, "--threads", str(threads), "--seconds",
                     str(a.seconds), "--json"], read_benchmark)


def answers(a, model, batch, threads, scratch):
    """The largest difference of each contestant's logits from ONNX Runtime's, or the first peer's, over the largest of these."""
    import numpy as np
    if a.fovea:
        subprocess.run([a.fovea, "run", str(a.folder / f"{model}.onnx"), "--input", str(scratch / "input.npy"), "--output",
                        str(scratch / "fovea.npz"), "--threads", str(threads), "-q"], check=True)
        logits = np.load(scratch / "fovea.npz")
        np.save(scratch / "fovea.npy", logits[logits.files[0]].reshape(int(batch), -1))
    first = np.load(scratch / f"{a.peers[0]}.npy")
    return {name: float(abs(np.load(scratch / f"{name}.npy") - first).max() / abs(first).max())
            for name in [*a.peers, *(["fovea"] if a.fovea else [])]}


def make_input(batch, path):
    import numpy as np
    np.save(path, np.random.default_rng(0).standard_normal((int(batch), 3, 224, 224), dtype=np.float32))


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


def compare(a, model, batch, threads, scratch):
    key = "img_per_s" if a.what == "train" else "ms"
    better = max if a.what == "train" else min
    if a.what == "infer":
        make_input(batch, scratch / "input.npy")
    rivals = list(contestants(a, model, batch, threads, scratch))
    apart = answers(a, model, batch, threads, scratch) if a.what == "infer" else {}
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
        more = f" {apart[label]:.1e} |" if label in apart else ""
        yield (f"| {model} b{batch} | {threads} | {label} | {best:.5g} | {middle:.5g} | {ratio[0]:.2f} ({ratio[1]:.2f}) | {others:.2f} |{more}",
               (f"{model} b{batch}, {threads}T", label, ratio[0]))


# ---- the chart: each network's contestants, speed over the strongest peer's ----

COLORS = {"fovea": "#c2410c"}
BAR, GAP, LEFT, WIDE = 13, 10, 230, 420


def chart(bars, title, path):
    most = max(ratio for _, _, ratio in bars)
    lines, y, group = [], 46, None
    for name, label, ratio in bars:
        if name != group:
            y, group = y + GAP, name
            lines.append(f'<text x="8" y="{y + BAR - 3}" font-weight="bold">{name}</text>')
        width = max(1.0, WIDE * ratio / most)
        lines.append(f'<text x="{LEFT - 6}" y="{y + BAR - 3}" text-anchor="end">{label}</text>'
                     f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{COLORS.get(label, "#94a3b8")}"/>'
                     f'<text x="{LEFT + width + 4:.1f}" y="{y + BAR - 3}">{ratio:.2f}</text>')
        y += BAR
    line = LEFT + WIDE / most
    Path(path).write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDE + 60}" height="{y + 20}" font-family="sans-serif" font-size="10">'
        f'<rect width="100%" height="100%" fill="#ffffff"/><text x="8" y="20" font-size="13">{title}</text>'
        f'<text x="8" y="36">speed over the strongest peer\'s, best of all turns; longer is faster</text>{"".join(lines)}'
        f'<line x1="{line:.1f}" x2="{line:.1f}" y1="44" y2="{y}" stroke="#0f172a" stroke-dasharray="3 2"/></svg>\n')


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
    args.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), help="infer: contestants (default: those that are installed)")
    args.add_argument("--folder", type=Path, help="infer: folder of peers/export.py")
    args.add_argument("--fvbench", default=os.environ.get("FVBENCH"), help="train: fovea's side; without it the peers run alone")
    args.add_argument("--fovea", default=os.environ.get("FOVEA"), help="infer: the program; without it the peers run alone")
    args.add_argument("--results", type=Path, help="a folder: the table is also written to RESULTS.md, a chart to RESULTS.svg")
    a = args.parse_args()
    if a.what == "infer" and not a.folder:
        args.error("infer needs --folder FOLDER; make it with peers/export.py FOLDER")
    missing = [name for name in a.peers if not importlib.util.find_spec(PEERS[name])]
    a.peers = [name for name in a.peers if name not in missing]
    if a.what == "infer" and not a.peers:
        args.error("no peer is installed; README.md says which packages to install")
    unit = "img/s (higher is better)" if a.what == "train" else "ms (lower is better)"
    if a.what == "infer":
        versions = ", ".join(f"{name} {importlib.metadata.version(PEERS[name])}" for name in a.peers)
        versions += f"; not installed: {', '.join(missing)}" if missing else ""
    else:
        versions = f"torch {importlib.metadata.version('torch')}"
    where = f"{time.strftime('%Y-%m-%d')}, {processor()}"
    text, bars = [], []

    def say(line):
        text.append(line)
        print(line, flush=True)

    say(f"{where}, {a.rounds} rounds of {a.seconds:g} s in turns; {unit}; {versions}\n")
    say("| network | threads | who | best | median | speed against the strongest peer: best (median) | CPUs others used |"
        + (" largest difference of logits |" if a.what == "infer" else ""))
    say("|---|---|---|---|---|---|---|" + ("---|" if a.what == "infer" else ""))
    with tempfile.TemporaryDirectory() as scratch:
        for item in a.models or (TRAIN if a.what == "train" else INFER):
            model, _, batch = item.partition(":")
            for threads in a.threads or ((2,) if a.what == "train" else (1, 2)):
                for line, bar in compare(a, model, batch or "1", threads, Path(scratch)):
                    say(line)
                    bars.append(bar)
    if a.results:
        a.results.mkdir(parents=True, exist_ok=True)
        (a.results / "RESULTS.md").write_text("\n".join([f"# fovea against its peers: {a.what}", "", *text, "", "![chart](RESULTS.svg)", ""]))
        chart(bars, f"{a.what}, {where}", a.results / "RESULTS.svg")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""What the peers share: a process that is warm, waits, and measures one round when told to."""
import json
import sys
import time


def serve(measure, rounds, **about):
    """`measure()` returns a dict. rounds > 0: that many rounds, one JSON line each. rounds = 0: the line {"ready": true},
    then one round for each line that arrives on standard input, until it ends; so several warm processes can take turns."""
    def one():
        print(json.dumps({**about, **measure()}), flush=True)

    if rounds:
        for _ in range(rounds):
            one()
        return
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        one()


def timed(work, seconds):
    """Calls work() until `seconds` are over; returns the list of durations in seconds."""
    durations, begin = [], time.perf_counter()
    last = begin
    while last - begin < seconds or not durations:
        work()
        now = time.perf_counter()
        durations.append(now - last)
        last = now
    return durations

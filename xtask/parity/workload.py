"""Seeded workloads as Mooncake traces: the same rows on every machine.

    workload.py reference COUNT FILE    the speed row of BENCHMARKS.md: Poisson 20/s, 1,024 prompt tokens of which 512
                                        are one of 32 shared prefixes, 128 output tokens; hash ids of 512 tokens
    workload.py sessions COUNT FILE     conversations with delays between their turns; hash ids of 64 tokens
"""

import json
import math
import sys


class Random:
    """SplitMix64: written out, so that no library's version can change the rows."""

    def __init__(self, seed):
        self.state = seed

    def bits(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
        return mixed ^ (mixed >> 31)

    def below(self, bound):
        return self.bits() % bound

    def between(self, low, high):
        """A whole number from low to high, both possible."""
        return low + self.below(high - low + 1)

    def gap(self, mean):
        """An exponential gap."""
        return -mean * math.log1p(-(self.bits() >> 11) / 2**53)


def trace(seed, count, mean_gap_ms, prompt, output, block, groups=0, shared=(0, 0), share=1.0):
    """Rows with exponential gaps, rounded to the microsecond and made distinct.

    `prompt` and `output` are inclusive ranges in tokens. Each of `groups` has its own prefix, a range of whole blocks of
    `block` tokens; `share` of the requests start with the prefix of a group, the rest are their own.
    """
    random = Random(seed)
    prefixes, next_id = [], 0
    for _ in range(groups):
        length = random.between(*shared)
        prefixes.append(list(range(next_id, next_id + length)))
        next_id += length
    rows, now = [], 0.0
    for index in range(count):
        if index > 0:
            now = max(round(now + random.gap(mean_gap_ms), 3), round(now + 0.001, 3))
        tokens = random.between(*prompt)
        blocks = -(-tokens // block)
        ids = []
        if groups and random.below(1000) < share * 1000:
            ids = prefixes[random.below(groups)][:blocks]
        own = blocks - len(ids)
        ids = ids + list(range(next_id, next_id + own))
        next_id += own
        rows.append(
            {
                "timestamp": now,
                "input_length": tokens,
                "output_length": random.between(*output),
                "hash_ids": ids,
            }
        )
    return rows


def sessions(seed, count, mean_gap_ms, turns, prompt, output, think, block, groups, shared):
    """Rows of conversations, one after another: first turns with exponential gaps, later ones `think` ms after the end of the
    turn before. Every turn says the blocks of the one before again and adds a range of `prompt` tokens; all ranges are inclusive.
    """
    random = Random(seed)
    prefixes, next_id = [], 0
    for _ in range(groups):
        length = random.between(*shared)
        prefixes.append(list(range(next_id, next_id + length)))
        next_id += length
    rows, now = [], 0.0
    for session in range(count):
        if session > 0:
            now = max(round(now + random.gap(mean_gap_ms), 3), round(now + 0.001, 3))
        ids = prefixes[random.below(groups)]
        for turn in range(random.between(*turns)):
            tokens = len(ids) * block + random.between(*prompt)
            own = -(-tokens // block) - len(ids)
            ids = ids + list(range(next_id, next_id + own))
            next_id += own
            wanted = {"timestamp": now} if turn == 0 else {"delay": random.between(*think)}
            said = {"input_length": tokens, "output_length": random.between(*output), "hash_ids": ids}
            rows.append({"session_id": f"s{session}", **wanted, **said})
    return rows


def reference(count):
    return trace(3, count, 50.0, (1024, 1024), (128, 128), 512, groups=32, shared=(1, 1))


def write(rows, path):
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, separators=(",", ":")) + "\n")


def talks(count):
    """Up to `count` rows: four sessions a second of one to eight turns, each with up to four seconds in between."""
    rows = sessions(8, count // 4, 250.0, (1, 8), (60, 700), (20, 200), (0, 4000), 64, groups=16, shared=(4, 24))
    return rows[:count]


WRITTEN = {"reference": reference, "sessions": talks}


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in WRITTEN:
        raise SystemExit(f"usage: workload.py {'|'.join(WRITTEN)} COUNT FILE")
    write(WRITTEN[sys.argv[1]](int(sys.argv[2])), sys.argv[3])


if __name__ == "__main__":
    main()

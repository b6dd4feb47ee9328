#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times nvhook as a hook of real runc containers, next to a yardstick.

All cases run in turns, in a random order within each round, so that the machine's moods hit them
all alike. Every run has a root of its own: an overlayfs whose lower layer is the image and whose
upper layer is new, so mountpoints are really made. hook_timer stands between runc and the hook and
times the hook alone.

Before anything is timed, one run of each case shows what it leaves behind. The floor must leave
what nvhook leaves for the same request, or a ratio between the two would mean nothing.

Needs root, runc, the devices controller of cgroup v1, and a mount namespace of its own. Standard
library only.
"""

import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import platform
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

WARM_UP_ROUNDS = 3
# What the simulated driver of each host is told. Most cases are about the first.
HOSTS = {
    "two": ["--gpus", 2],
    "eight": ["--gpus", 8],
    "sixteen": ["--gpus", 16],
    "mig": ["--gpus", 2] + [word for gpu in range(2) for word in
                            ("--mig", f"{gpu}=" + ",".join(f"{gi}/0" for gi in range(7, 14)))],
}
PATIENCE_S = 60
PROBE = ["/bin/cat", "/proc/self/mountinfo", "/sys/fs/cgroup/devices/devices.list"]
RECORDS = pathlib.Path("/run/nvhook")
DEVICES_CGROUP = pathlib.Path("/sys/fs/cgroup/devices")


class Failure(Exception):
    """Something the user can act on; its text is all there is to say."""


class Stopped(Exception):
    """Somebody wants this program to end."""


def run(*command):
    """The standard output of a command that ends well, and soon.

    It gets a process group of its own: Ctrl-C reaches this program alone, which lets the command
    end and then cleans up. A runc that is killed midway leaves its cgroups.
    """
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          process_group=0) as child:
        try:
            output, errors = child.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            raise Failure(f"{command[0]} did not end within {PATIENCE_S} s") from None
    if child.returncode != 0:
        raise Failure(f"{command[0]} ended with {child.returncode}: {errors.strip()}")
    return output


class Case:
    """A hook and the request it is run for."""

    def __init__(self, label, title, program, environment, image=None):
        self.label = label
        self.title = title
        self.program = [str(word) for word in program]
        self.environment = environment
        self.image = image  # none: the one of most cases


class Bench:
    """The directory that everything happens in, and the containers below it."""

    def __init__(self, work, programs, image, larger_image):
        self.work = work
        self.programs = programs
        self.image = image
        self.larger_image = larger_image
        self.driver = work / "two"
        self.config = {(host, layout): work / f"{host}-{layout}.toml"
                       for host in HOSTS for layout in ("system", "tree")}
        self.steps = work / "floor-steps"
        self.results = work / "results"
        self.root = work / "root"
        self.runc = ["runc", "--root", work / "runc"]
        self.container = f"nvhook-bench-{os.getpid()}"
        self.spec = None
        self.stop_signal = None

    def close(self):
        """Ends what a run that failed may have left: a container, a mount."""
        run(*self.runc, "delete", "--force", self.container)
        for mounted in (self.root, RECORDS):
            while mounted.is_mount():
                run("umount", "--lazy", mounted)

    def prepare(self):
        for host, options in HOSTS.items():
            run(self.programs / "simulated-driver", self.work / host, *options)
        # A second lower layer: the containers' command, which the image does not have.
        (self.work / "command").mkdir()
        shutil.copy(self.programs / "noop_hook", self.work / "command/noop")
        self.root.mkdir()
        for (host, layout), config in self.config.items():
            driver = self.work / host
            config.write_text("".join(
                ["[roots]\n"] + [f"{key} = {json.dumps(str(path))}\n" for key, path in
                                 [("driver", driver), ("dev", driver),
                                  ("proc", driver / "proc"), ("sys", driver / "sys")]] +
                [f'[container]\nlayout = "{layout}"\n']))
        # nvhook's records: on a tmpfs, which /run is on most hosts, and nobody else's.
        RECORDS.mkdir(mode=0o700, exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", "mode=0700", "tmpfs", RECORDS)
        (self.work / "spec").mkdir()
        run("runc", "spec", "--bundle", self.work / "spec")
        self.spec = json.loads((self.work / "spec/config.json").read_text())

    def installed(self, program):
        """A copy, as an installation makes one: what a linker wrote bit by bit is paged in slower."""
        copy = self.work / "bin" / program
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            shutil.copy(self.programs / program, copy)
        return copy

    def nvhook(self, *arguments, layout="system", host="two"):
        return [self.installed("nvhook"), *arguments, "--config", self.config[host, layout]]

    def nvhook_and_ldconfig(self):
        """What the hook would cost if it had ldconfig find the libraries, as other hooks do."""
        return [self.installed("then_ldconfig"), self.root, *self.nvhook()]

    def bundle(self, case, command, cleans_up=True):
        """A bundle directory for the case, whose container runs the command."""
        spec = json.loads(json.dumps(self.spec))
        spec["process"].update(terminal=False, args=command)
        spec["process"]["env"] += case.environment
        spec["root"] = {"path": str(self.root), "readonly": False}
        timer = str(self.installed("hook_timer"))
        spec["hooks"] = {"createRuntime": [
            {"path": timer, "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
             "args": [timer, str(self.results), case.label, *case.program]}]}
        nvhook = str(self.installed("nvhook"))
        if cleans_up and nvhook in case.program:  # takes its things away; not timed
            spec["hooks"]["poststop"] = [{"path": nvhook, "args": [nvhook, "poststop"], "env": []}]
        directory = pathlib.Path(tempfile.mkdtemp(prefix=f"bundle-{case.label}-", dir=self.work))
        (directory / "config.json").write_text(json.dumps(spec))
        return directory

    @contextlib.contextmanager
    def fresh_root(self, image=None):
        """Mounts a root that nobody has written to, and yields its upper layer.

        Every container needs one: the place to stop at when a signal asks for it.
        """
        if self.stop_signal is not None:
            raise Stopped()
        layer = pathlib.Path(tempfile.mkdtemp(prefix="layer-", dir=self.work))
        (layer / "upper").mkdir()
        (layer / "work").mkdir()
        run("mount", "-t", "overlay", "-o",
            f"lowerdir={self.work / 'command'}:{image or self.image},"
            f"upperdir={layer / 'upper'},workdir={layer / 'work'}", "overlay", self.root)
        try:
            yield layer / "upper"
        finally:
            # The layer stays until the end: ext4 searches long for inodes where many were freed
            # within half a minute, which would be timed as the next hook's.
            run("umount", self.root)

    def run_container(self, bundle):
        return run(*self.runc, "run", "--bundle", bundle, self.container)

    def write_steps(self, case):
        """Turns nvhook's plan for the case into the floor's list of steps."""
        bundle = self.bundle(case, ["/noop"])
        with self.fresh_root():
            plan = json.loads(run(*self.nvhook("--dry-run", "--bundle", bundle,
                                               "--format", "json")))
            binds = [mount for mount in plan["mounts"] if mount["state"] == "mount"]
            if not binds:
                raise Failure("the plan of nvhook --dry-run mounts nothing")
            parents = {str(pathlib.PurePath(path).parent)
                       for path in [bind["target"] for bind in binds] +
                       [link["path"] for link in plan["symlinks"]]}
            steps = [["mkdir", path] for path in missing_directories(self.root, parents)]
        steps += [["bind", self.on_host(bind["source"]), bind["target"],
                   ",".join(bind["options"])] for bind in binds]
        steps += [["link", link["path"], link["target"]] for link in plan["symlinks"]]
        steps += [["file", self.loader_file_of(case, path), path]
                  for path in [plan["ldcache"]["path"]] if path]
        steps += [["device", device["major"], device["minor"]] for device in plan["devices"]]
        self.steps.write_text("".join(" ".join(map(str, step)) + "\n" for step in steps))
        return steps

    def mounts_of(self, case):
        """How many things nvhook mounts for the case; none for a case of something else."""
        if case.program[0] != str(self.installed("nvhook")) or "--config" not in case.program:
            return None
        with self.fresh_root(case.image):
            plan = json.loads(run(*case.program, "--dry-run", "--bundle",
                                  self.bundle(case, ["/noop"]), "--format", "json"))
        return sum(mount["state"] == "mount" for mount in plan["mounts"])

    def loader_file_of(self, case, path):
        """The file that nvhook makes there, on the host."""
        with self.fresh_root() as upper:
            self.run_container(self.bundle(case, ["/noop"], cleans_up=False))
            shutil.copy(upper / path.lstrip("/"), self.work / "loader-file")
        return self.work / "loader-file"

    def on_host(self, source):
        """A plan names its sources below the driver root; the floor needs the host's path."""
        if pathlib.PurePath(source).is_relative_to(self.driver):
            return source
        return f"{self.driver}{source}"

    def end_state(self, case):
        """What the case's hook did, as a set of lines: mounts, files and cgroup rules."""
        with self.fresh_root() as upper:
            shown = self.run_container(self.bundle(case, PROBE, cleans_up=False))
            lines = set(map(comparable, shown.splitlines()))
            for path in upper.rglob("*"):
                kind = ("link to " + os.readlink(path) if path.is_symlink() else
                        "directory" if path.is_dir() else
                        f"file {hashlib.sha256(path.read_bytes()).hexdigest()}")
                lines.add(f"in the image: /{path.relative_to(upper)}: {kind}")
        return lines

    def measure(self, cases, runs):
        bundles = {case.label: self.bundle(case, ["/noop"]) for case in cases}
        for number in range(-WARM_UP_ROUNDS, runs):
            if number == 0:
                self.results.unlink()
            for case in random.sample(cases, len(cases)):
                with self.fresh_root(case.image):
                    self.run_container(bundles[case.label])
            progress(number + 1, runs)
        return read_results(self.results, cases)


def missing_directories(root, paths):
    """Those of the container's directories, with their parents, that the image lacks."""
    missing = set()
    for path in paths:
        for part in [pathlib.PurePath(path), *pathlib.PurePath(path).parents]:
            # runc mounts these before the hook runs.
            if part.parts[:2] not in [("/", "dev"), ("/", "proc"), ("/", "sys")] and \
                    not (root / part.relative_to("/")).is_dir():
                missing.add(str(part))
    return sorted(missing)


def comparable(line):
    """A line of mountinfo (proc(5)) without its ids and devices, which differ from run to run.

    The last three fields behind the dash name a superblock; of them only the type is kept.
    """
    if " - " not in line:
        return f"device rule: {line}"
    mount, filesystem = line.split(" - ", 1)
    root, target, *options = mount.split()[3:]
    return f"mount: {target}: {root} {' '.join(options)} {filesystem.split()[0]}"


def require_same(expected, got, what):
    if expected == got:
        return
    raise Failure("\n  ".join(
        [f"{what}, but they do not leave the same behind:"] +
        [f"only the first: {line}" for line in sorted(expected - got)] +
        [f"only the second: {line}" for line in sorted(got - expected)]))


def read_results(path, cases):
    """Per label: the times in ms, in the order of the rounds, and the largest RSS in KiB."""
    times = {case.label: [] for case in cases}
    peak = dict.fromkeys(times, 0)
    for line in path.read_text().splitlines():
        label, nanoseconds, rss, _ = line.split()
        times[label].append(int(nanoseconds) / 1e6)
        peak[label] = max(peak[label], int(rss))
    return times, peak


def progress(done, runs):
    text = f"round {done} of {runs}" if done > 0 else "warming up"
    if sys.stderr.isatty():
        print(f"\r{text:<30}", end="\n" if done == runs else "", file=sys.stderr, flush=True)
    elif done == runs or done % 50 == 0:
        print(text, file=sys.stderr, flush=True)


def quantile(values, share):
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def paired(values, others):
    """The median of the differences within each round."""
    return statistics.median(a - b for a, b in zip(values, others, strict=True))


def table(cases, times, peak, mounts):
    yield ["hook", "median ms", "p10", "p90", "x floor", "over no-op", "over floor", "RSS MiB",
           "binary MiB", "mounts", "us/mount"]
    floor = statistics.median(times["floor"])
    for case in cases:
        own = times[case.label]
        size = pathlib.Path(case.program[0]).stat().st_size
        yield [case.title, f"{statistics.median(own):.2f}", f"{quantile(own, 0.1):.2f}",
               f"{quantile(own, 0.9):.2f}", f"{statistics.median(own) / floor:.2f}",
               f"{paired(own, times['noop']):+.2f}", f"{paired(own, times['floor']):+.2f}",
               f"{peak[case.label] / 1024:.1f}", f"{size / 2**20:.2f}",
               *per_mount(paired(own, times["noop"]), mounts[case.label])]


def per_mount(milliseconds, mounts):
    """Two cells: how many mounts, and how long each takes if all of the time is theirs."""
    return [str(mounts), f"{milliseconds * 1000 / mounts:.0f}"] if mounts else ["", ""]


def print_aligned(rows):
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join([row[0].ljust(widths[0])] +
                        [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]))


def machine():
    cpus = [line.split(":", 1)[1].strip()
            for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith(("model name", "Processor"))]
    return f"{os.cpu_count()} x {cpus[0] if cpus else platform.machine()}"


def report(bench, cases, steps, runs, times, peak):
    mounts = {case.label: bench.mounts_of(case) for case in cases}
    count = {verb: sum(step[0] == verb for step in steps) for verb in ("bind", "link", "device")}
    print(f"machine: {machine()}, Linux {platform.release()}, "
          f"{run('runc', '--version').splitlines()[0]}, load {os.getloadavg()[0]:.1f}")
    print(f"each hook {runs} times, in turns; two GPUs by default: {count['bind']} mounts, "
          f"{count['link']} links, {count['device']} device rules")
    print()
    mounts["floor"] = count["bind"]
    print_aligned(table(cases, times, peak, mounts))
    print()
    print("x floor: ratio of the medians. over ...: median of the differences within a round, ms. "
          "us/mount: of what is over the no-op.")


def check_machine():
    if os.geteuid() != 0:
        raise Failure("starting containers needs root")
    if not (DEVICES_CGROUP / "devices.allow").exists() and \
            not (DEVICES_CGROUP / "devices.list").exists():
        raise Failure(f"the floor program needs cgroup v1 with its devices controller at "
                      f"{DEVICES_CGROUP}")
    if shutil.which("runc") is None:
        raise Failure("runc is not installed; scripts/deps installs it")


def benchmark(bench, runs):
    bench.prepare()
    request = ["NVIDIA_VISIBLE_DEVICES=all"]
    two = Case("two", "nvhook, two GPUs", bench.nvhook(), request)
    steps = bench.write_steps(two)
    noop = Case("noop", "no-op", [bench.installed("noop_hook")], request)
    floor = Case("floor", "floor", [bench.installed("floor_hook"), bench.steps, bench.root],
                 request)
    none = Case("none", "nvhook, no request", [bench.installed("nvhook"), "createRuntime"], [])
    every = Case("all", "nvhook, all capabilities", bench.nvhook(),
                 [*request, "NVIDIA_DRIVER_CAPABILITIES=all"])
    hosts = [Case(host, f"nvhook, {title}", bench.nvhook(host=host), request)
             for host, title in [("eight", "8 GPUs"), ("sixteen", "16 GPUs"),
                                 ("mig", "14 MIG devices")]]
    tree = Case("tree", "nvhook, two GPUs, layout tree", bench.nvhook(layout="tree"), request)
    ldconfig = Case("ldconfig", "nvhook, then ldconfig", bench.nvhook_and_ldconfig(), request)
    larger = [Case(f"{case.label}-larger", f"{case.title}, larger image", case.program, request,
                   bench.larger_image)
              for case in (two, tree, ldconfig)]
    cases = [noop, floor, none, two, *hosts, every, tree, ldconfig, *larger]

    require_same(bench.end_state(floor), bench.end_state(two),
                 "the floor and nvhook answer the same request")
    require_same(bench.end_state(noop), bench.end_state(none),
                 "without a request nvhook changes as little as the no-op")
    if bench.end_state(noop) == bench.end_state(two):
        raise Failure("nvhook changed nothing in a container that asks for GPUs")
    times, peak = bench.measure(cases, runs)
    report(bench, cases, steps, runs, times, peak)


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True, metavar="DIR",
                        help="holds nvhook, simulated-driver and the programs of tests/bench")
    parser.add_argument("--image", type=pathlib.Path, required=True, metavar="DIR",
                        help="root file system of the containers; not written to")
    parser.add_argument("--larger-image", type=pathlib.Path, required=True, metavar="DIR",
                        help="one that has ten times the libraries")
    parser.add_argument("--work", type=pathlib.Path, required=True, metavar="DIR",
                        help="where a temporary directory is made; not on overlayfs")
    parser.add_argument("--runs", type=positive, default=200, help="of each case (default 200)")
    options = parser.parse_args()

    try:
        check_machine()
        with tempfile.TemporaryDirectory(prefix="bench-", dir=options.work.resolve()) as work:
            bench = Bench(pathlib.Path(work), options.programs.resolve(), options.image.resolve(),
                          options.larger_image.resolve())

            def stop(number, _):
                bench.stop_signal = number
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, stop)
            try:
                benchmark(bench, options.runs)
            finally:
                bench.close()
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    except Stopped:
        print("bench: stopped; nothing is left behind", file=sys.stderr)
        sys.exit(128 + bench.stop_signal)


if __name__ == "__main__":
    main()

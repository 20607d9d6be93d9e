"""The benchmark program of a commit, or of the working tree."""
import fcntl
import hashlib
import os
import shutil
import time

from comparing.child import Failed, run

GIT_SECONDS_MAX, CONFIGURE_SECONDS_MAX = 300, 600
TARGET = "cairn_bench"
WORKING_TREE = "."


class Programs:
    """Builds into `scratch`, which one process at a time may use:

    trees/     git worktrees, each only while it is built; what an earlier run left is taken away
    programs/  what was built, by commit: used again

    `bench`: a commit, or ".", whose bench/ is taken for every commit; None: each has its own.
    """

    def __init__(self, project, scratch, bench, jobs, build_seconds_max, say):
        self.project, self.scratch, self.bench = project, scratch, bench
        self.jobs, self.build_seconds_max, self.say = jobs, build_seconds_max, say
        self.trees, self.programs = os.path.join(scratch, "trees"), os.path.join(scratch, "programs")
        self.lock = None

    def __enter__(self):
        for folder in (self.trees, self.programs):
            os.makedirs(folder, exist_ok=True)
        self.lock = open(os.path.join(self.scratch, "lock"), "w", encoding="utf-8")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.lock.close()
            raise Failed(f"another bench/compare works in {self.scratch}: wait for it, or give --scratch") from None
        try:
            self._remove_trees()
            self.bench = self.bench and self.resolve(self.bench)
        except BaseException:
            self.lock.close()
            raise
        return self

    def __exit__(self, *_):
        try:
            self._remove_trees()
        finally:
            self.lock.close()

    def resolve(self, side):
        """The whole hash of a commit; "." as it is."""
        if side == WORKING_TREE:
            return side
        try:
            return self._git("rev-parse", "--verify", "--end-of-options", side + "^{commit}").strip()
        except Failed:
            raise Failed(f"\"{side}\" is no commit of this repository") from None

    def get(self, side):
        """The path of the program, built where it is not there yet. `side` as resolve() gave it."""
        if side == WORKING_TREE:
            return self._of_working_tree()
        name = side[:12] + (f"-bench-{self._bench_key()}" if self.bench else "")
        program = os.path.join(self.programs, name)
        if os.path.exists(program):
            self.say(f"{name}: was built before: {program}")
            return program
        tree = os.path.join(self.trees, name)
        self.say(f"{name}: git worktree {tree}, for as long as it is built")
        self._git("worktree", "add", "--quiet", "--detach", tree, side)
        try:
            if self.bench:
                self._take_bench(tree)
            # Objects of equal sources are found in the compiler cache, wherever the tree is.
            self._build(name, tree, {"CCACHE_BASEDIR": tree, "CCACHE_NOHASHDIR": "1"}, ["-DCAIRN_TESTS=OFF"])
            self._keep(tree, program)
        finally:
            self._remove_trees()
        return program

    def _of_working_tree(self):
        """Built where the developer builds, and copied, so that it may change while it is measured."""
        built = os.path.exists(os.path.join(self.project, "build/release/build.ninja"))
        self._build("working tree", self.project, {}, None if built else [])
        program = os.path.join(self.programs, "working-tree")
        self._keep(self.project, program)
        return program

    def _build(self, name, tree, env, configure):
        if configure is not None:
            self.say(f"{name}: configure")
            run(["nice", "cmake", "--preset", "release", *configure], CONFIGURE_SECONDS_MAX, env, tree)
        self.say(f"{name}: build {TARGET}")
        run(["nice", "cmake", "--build", "--preset", "release", "--parallel", str(self.jobs), "--target", TARGET],
            self.build_seconds_max, env, tree)

    @staticmethod
    def _keep(tree, program):
        shutil.copy2(os.path.join(tree, "build/release/bin", TARGET), program + ".unfinished")
        os.rename(program + ".unfinished", program)

    def _take_bench(self, tree):
        folder = os.path.join(tree, "bench")
        if self.bench == WORKING_TREE:
            shutil.rmtree(folder)
            shutil.copytree(os.path.join(self.project, "bench"), folder, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            self._git("rm", "-r", "--quiet", "bench", cwd=tree)
            self._git("checkout", self.bench, "--", "bench", cwd=tree)

    def _bench_key(self):
        if self.bench != WORKING_TREE:
            return self._git("rev-parse", f"{self.bench}:bench").strip()[:12]
        hashed = hashlib.sha256()
        for top, folders, names in os.walk(os.path.join(self.project, "bench")):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted(names):
                if not name.endswith((".cc", ".h", ".txt")):
                    continue  # no part of the program
                path = os.path.join(top, name)
                with open(path, "rb") as file:
                    text = file.read()
                hashed.update(f"{os.path.relpath(path, self.project)}\0{len(text)}\0".encode() + text)
        return hashed.hexdigest()[:12]

    def _remove_trees(self):
        """Ours only: worktrees elsewhere are their owners'."""
        for name in os.listdir(self.trees):
            self.say(f"git worktree {os.path.join(self.trees, name)}: removed")
            self._remove(os.path.join(self.trees, name))
        listed = self._git("worktree", "list", "--porcelain", "-z").split("\0")
        ours = os.path.realpath(self.trees) + os.sep
        for line in listed:
            if line.startswith("worktree " + ours):
                self._git("worktree", "remove", "--force", "--force", line[len("worktree "):])

    @staticmethod
    def _remove(folder):
        """A build that nobody waits for any more (its script was killed) fails now that its sources go, and ends."""
        for _ in range(200):
            shutil.rmtree(folder, ignore_errors=True)
            if not os.path.exists(folder):
                return
            time.sleep(0.1)
        shutil.rmtree(folder)

    def _git(self, *words, cwd=None):
        return run(["git", *words], GIT_SECONDS_MAX, cwd=cwd or self.project)

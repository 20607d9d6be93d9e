#!/usr/bin/env python3
"""Searches the models of the protocol with spin: the protocol loses nothing, and without any one of its rules it does.

CAIRN_MODEL=long searches larger worlds, too. What each world has stands in protocol.pml. A search that is not complete (too deep, no
memory, no time) is a failure; one with a few bits a state (bits) may pass states over, and goes to its end all the same.

States and seconds of processor time of the larger ones, on one core of a Zen 5 (gcc 12, spin 6.5.2), the test at most 600 MB:

    W=1 P=2 START=0                         4.2 million states    3 s      14 mutants of it fail within 2.4 million
    W=1 P=2 START=1                         3.9                   3        3.6
    W=1 P=2 DAMAGED=1                       6.6                   5
    W=1 P=1 M=1 F=1 NF=1                    5.4                   5
    W=0 P=1 M=3 START=1                     4.2                   3        0.5
    W=1 P=1 F=1 NF=1 QUIET=1                2.1                   2
    W=1 P=1 M=1 ADOPT=1 JANITOR=1 START=1   1.9                   2
    parent_reuse W=1 P=1 F=1 NF=1 ANY=1     6.3                   5        0.03, in a smaller one
    W=2 P=1 F=1 NF=1 REPUT=1                14, bits              8
    long: W=1 P=1 M=1 F=1 NF=1 ADOPT=1 START=1         38, bits   21
    long: W=0 P=2 F=1 of parent_reuse       29                    33
    long: W=2 P=1 F=1 NF=1                  14                    38
    long: W=1 P=1 M=1 F=1 NF=1 START=1      9.1                   19
    long: W=1 P=1 M=2 START=1               9.9                   16
    long: W=1 P=1 M=1 QUIET=1 ADOPT=1 START=1          9.4        20
    long: W=1 P=1 F=1 NF=1 QUIET=1 JANITOR=1 START=1   6.5        10
    long: W=0 P=3 START=1                   5.2                   10
"""

import concurrent.futures
import os
import re
import resource
import subprocess
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
IS_LONG = os.environ.get('CAIRN_MODEL') == 'long'
WORKERS = 2
DEPTH = 100_000
MEBI = 1 << 20


class World:
    """A model with its -D settings; `mode` is 'whole', or 'bits' for a search that keeps a few bits a state."""

    def __init__(self, settings, model='protocol.pml', mode='whole', seconds=240, mebibytes=3000, hash_bits=24):
        self.settings = settings.split()
        self.model = model
        self.mode = mode
        self.seconds = seconds
        self.mebibytes = mebibytes
        self.hash_bits = hash_bits

    def name(self):
        return ' '.join([self.model.removesuffix('.pml')] + self.settings)


class Outcome:
    """What pan said."""

    def __init__(self, text):
        self.text = text
        found = re.search(r'errors: (\d+)', text)
        self.errors = int(found.group(1)) if found else None
        states = re.search(r'([\d.e+]+) states, stored', text)
        self.states = int(float(states.group(1))) if states else 0
        self.is_cut_short = any(re.search(words, text) for words in
                                ('max search depth too small', 'out of memory', 'MEMLIM bound', 'Search not completed',
                                 'resource limit', 'Interrupted'))
        self.is_assertion = 'assertion violated' in text
        memory = re.search(r'([\d.]+)\s+total actual memory', text)
        self.mebibytes = round(float(memory.group(1))) if memory else 0
        self.seconds = 0.0
        self.trail = ''

    def is_clean(self):
        return self.errors == 0 and not self.is_cut_short

    def is_loss(self):
        return self.errors == 1 and self.is_assertion


def run(command, folder, seconds, mebibytes=4000):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (mebibytes * MEBI, mebibytes * MEBI))
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                          preexec_fn=limit, check=False, text=True)
    return done.returncode, done.stdout


def build(world, folder):
    command = ['spin', '-a'] + [f'-D{setting}' for setting in world.settings] + [os.path.join(HERE, world.model)]
    status, text = run(command, folder, 60)
    if status != 0 or re.search(r'\bError\b|syntax error', text) or not os.path.exists(f'{folder}/pan.c'):
        raise AssertionError(f'{world.name()}: spin: {text}')
    kind = ['-DBITSTATE'] if world.mode == 'bits' else ['-DCOLLAPSE']
    optimize = '-O1' if any(setting.startswith('MUTANT') for setting in world.settings) else '-O2'
    status, text = run(['gcc', optimize, '-w', '-DSAFETY', *kind, f'-DMEMLIM={world.mebibytes}', '-o', 'pan', 'pan.c'],
                       folder, 120)
    if status != 0:
        raise AssertionError(f'{world.name()}: gcc: {text}')


def search(world):
    """The outcome, and the trail as text where there is one."""
    with tempfile.TemporaryDirectory() as folder:
        build(world, folder)
        limits = [f'-m{DEPTH}', f'-w{world.hash_bits}', '-E', '-b']
        begin = time.monotonic()
        _, text = run(['./pan', *limits], folder, world.seconds, world.mebibytes + 500)
        outcome = Outcome(text)
        outcome.seconds = time.monotonic() - begin
        if outcome.is_assertion:
            _, outcome.trail = run(['./pan', '-r', f'-m{DEPTH}'], folder, 60)
        return outcome


# Every state of these is searched.
WHOLE = [
    World('W=1 P=2 START=0'),                                       # prunes beside each other, tombstones taken over
    World('W=1 P=2 START=1'),
    World('W=1 P=2 DAMAGED=1'),
    World('W=1 P=1 M=1 F=1 NF=1'),                                  # one of each kind
    World('W=1 P=1 F=1 REPUT=1'),
    World('W=2 P=1 REPUT=1 START=0'),                               # deduplication against what is not committed
    World('W=2 P=1 REPUT=1 START=1'),
    World('W=1 P=1 M=1 ADOPT=1 NOREMOVE=1 START=1'),                # packs taken up from the dead; append-only keys
    World('W=1 P=1 M=1 PARTIAL=1 START=1'),
    World('W=0 P=1 M=3 START=1'),                                   # merges beside each other
    World('W=1 P=1 F=1 NF=1 QUIET=1'),
    World('W=1 P=1 F=1 JANITOR=1'),                                 # nothing is left in the end
    World('W=1 P=1 M=1 ADOPT=1 JANITOR=1 START=1'),
    World('W=0 P=1 F=1 KEPT=1 UNDELETE=1'),
    World('W=0 P=1 F=1 KEPT=1 UNDELETE=1 TRUST=1'),
    World('W=1 P=1 F=1 NF=1 KEPT=1'),
    World('W=0 P=1 F=1', model='parent_reuse.pml'),
    World('W=1 P=1 F=1 NF=1 ANY=1', model='parent_reuse.pml'),
]

# With a few bits a state: most states of worlds that are too large otherwise.
PARTIAL = [
    World('W=2 P=1 F=1 NF=1 REPUT=1', mode='bits', hash_bits=29),
]

# With CAIRN_MODEL=long.
LONG = [
    World('W=1 P=1 M=1 F=1 NF=1 ADOPT=1 START=1', seconds=3600, mode='bits', hash_bits=31),
    World('W=0 P=2 F=1', model='parent_reuse.pml', seconds=3600, mebibytes=8000, hash_bits=27),
    World('W=1 P=1 M=1 F=1 NF=1 START=1', seconds=3600, mebibytes=8000, hash_bits=27),
    World('W=1 P=1 M=2 START=1', seconds=3600, mebibytes=8000, hash_bits=27),
    World('W=1 P=1 M=1 QUIET=1 ADOPT=1 START=1', seconds=3600, mebibytes=8000, hash_bits=27),
    World('W=1 P=1 F=1 NF=1 QUIET=1 JANITOR=1 START=1', seconds=3600, mebibytes=8000, hash_bits=27),
    World('W=0 P=3 START=1', seconds=3600, mebibytes=8000, hash_bits=27),
    World('W=2 P=1 F=1 NF=1', seconds=3600, mebibytes=8000, hash_bits=27),
    World('W=1 P=1 F=1 KEPT=1 UNDELETE=1', seconds=3600, mode='bits', hash_bits=33),
    World('W=1 P=2 F=1 NF=1', seconds=7200, mode='bits', hash_bits=33),
    World('W=2 P=2', seconds=7200, mode='bits', hash_bits=33),
    World('W=1 P=2 M=1 START=1', seconds=7200, mode='bits', hash_bits=33),
]

# Each rule that is taken out, and a world in which that loses something.
MUTANTS = {
    'W=1 P=2 START=0': (
        'TOMBSTONES_BEFORE_SESSION', 'TOMBSTONES_NOT_LISTED', 'SEGMENTS_BEFORE_TOMBSTONES', 'INDEX_OF_BEFORE_BELIEVED',
        'COMMIT_OVER_A_FENCE', 'COMMIT_AFTER_THE_END', 'SESSIONS_BEFORE_TOMBSTONE', 'WAITS_FOR_NOBODY',
        'ENDS_WITHOUT_A_FENCE', 'FIRST_MARKS_BELIEVED', 'RESCUE_BELIEVES_TOMBSTONED', 'RESCUE_LISTS_SEGMENTS_FIRST',
        'REMOVED_NAMES_NOT_KEPT'),
    'W=1 P=2 START=1': ('OWN_PACK_BELIEVED_AFTER_A_FENCE', 'RESCUE_GIVES_UP_A_SOURCE', 'TAKES_OVER_WITHOUT_A_LIST'),
    'W=1 P=1 F=1': (
        'ENDS_WHAT_A_CLOCK_FENCED', 'FORGET_REMOVES_AND_THEN_FENCES', 'FORGET_LISTS_SESSIONS_FIRST',
        'FENCES_REMOVED_UNASKED', 'FENCE_CLEANER_LISTS_SESSIONS_FIRST'),
    'W=1 P=1 M=1 START=1': (
        'SEGMENT_AFTER_THE_END', 'DROPS_AT_ONCE', 'DROP_LISTS_SESSIONS_FIRST', 'MERGE_CARRIES_NO_NAMES'),
    'W=0 P=1 M=2 START=1': ('DROPS_NAMES_WITH_ENTRIES',),
    'W=0 P=1 M=3 START=1': ('MERGE_WITHOUT_A_SESSION',),
    'W=1 P=1 ADOPT=1 START=1': ('ADOPTS_WHAT_IS_TAKEN_OUT',),
    'W=1 P=1 NOREMOVE=1 START=1': ('END_BEFORE_THE_COMMIT',),
    'W=0 P=1 F=1 KEPT=1 UNDELETE=1': (
        'DELETED_LISTED_FIRST', 'DELETED_NOT_MARKED', 'DELETED_PUT_LAST', 'UNDELETE_BELIEVES_TOMBSTONED',
        'UNDELETE_REMOVES_FIRST'),
    'parent_reuse W=0 P=1 F=1 ANY=1': (
        'PARENT_SEEN_BEFORE_SESSION', 'PARENT_SEEN_BEFORE_TOMBSTONES', 'PARENT_IN_SPITE_OF_TOMBSTONES',
        'HEIR_LISTS_TOMBSTONES_FIRST'),
}


def mutant_worlds():
    for settings, names in MUTANTS.items():
        model, settings = (('parent_reuse.pml', settings.split(' ', 1)[1]) if settings.startswith('parent_reuse')
                           else ('protocol.pml', settings))
        for name in names:
            yield World(f'{settings} MUTANT={name}', model=model)


class Model(unittest.TestCase):
    longMessage = True

    def search_all(self, worlds, judge):
        """Some at a time; `judge` is given each world and its outcome."""
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            searches = {pool.submit(search, world): world for world in worlds}
            for done in concurrent.futures.as_completed(searches):
                world = searches[done]
                with self.subTest(world=world.name()):
                    outcome = done.result()
                    print(f'{world.name()}: {outcome.states} states, {outcome.seconds:.1f} s, '
                          f'{outcome.mebibytes} MB{", " + world.mode if world.mode != "whole" else ""}', flush=True)
                    judge(outcome)

    def expect_clean(self, outcome):
        self.assertTrue(outcome.is_clean(), f'{outcome.text}\n{outcome.trail[-8_000:]}')

    def expect_loss(self, outcome):
        self.assertTrue(outcome.is_loss(), outcome.text)

    def test_small_worlds_lose_nothing(self):
        self.search_all(WHOLE + PARTIAL, self.expect_clean)

    def test_each_rule_is_needed(self):
        self.search_all(mutant_worlds(), self.expect_loss)

    def test_each_mutant_of_the_models_is_searched(self):
        defined = set()
        for name in ('protocol.pml', 'parent_reuse.pml'):
            with open(os.path.join(HERE, name), encoding='utf-8') as file:
                defined.update(re.findall(r'MUTANT [!=]= (\w+)', file.read()))
        named = [name for names in MUTANTS.values() for name in names]
        self.assertEqual(sorted(defined - {'NONE'}), sorted(named))

    @unittest.skipUnless(IS_LONG, 'CAIRN_MODEL=long')
    def test_larger_worlds_lose_nothing(self):
        self.search_all(LONG, self.expect_clean)


class Answers(unittest.TestCase):
    """A search that is not complete must not pass for one that found nothing."""

    def test_what_counts_as_found_nothing(self):
        good = 'Full statespace search for:\n\tState-vector 68 byte, depth reached 91, errors: 0\n  1e+06 states, stored\n'
        self.assertTrue(Outcome(good).is_clean())
        for words in ('error: max search depth too small', 'pan: out of memory', 'pan: reached -DMEMLIM bound',
                      'Warning: Search not completed'):
            with self.subTest(words=words):
                self.assertFalse(Outcome(f'{words}\n{good}').is_clean())
        self.assertFalse(Outcome('').is_clean())

    def test_what_counts_as_a_loss(self):
        self.assertTrue(Outcome('pan:1: assertion violated  !(1) (at depth 9)\n errors: 1\n').is_loss())
        self.assertFalse(Outcome('pan: max search depth too small\n errors: 1\n').is_loss())
        self.assertFalse(Outcome('pan:1: invalid end state (at depth 9)\n errors: 1\n').is_loss())


if __name__ == '__main__':
    unittest.main()

/* The protocol of SPEC.md section 13 as a model for spin: writers, pruners, mergers, a forgetter, on one store. Each step has the
   name that it has there and in engine/repo/protocol.h.

   What is searched: one call of the store is one step, and between two of them the others may do anything. A process that never goes
   on from where it is has crashed; one that goes on when all the others are done has slept. Names are used once, so each object has a
   number of its own: the pack and the index segment of a writer's session, of a pruner's repacking, of its rescue. There are two blobs,
   X and Y, and packs with either or both. A listing is one step, as ListSegments and the others have it: read until two agree.

   What must hold after each step that changes the store (Check):
     - each blob that a committed snapshot needs is in a pack that is there and in the index            (SPEC 13.1, 2)
     - each pack that is in the index and has no tombstone is there: no writer is misled                (SPEC 13.1, 1)
   With JANITOR=1 also: from every state that can be reached, once nobody else is at work any more and dead sessions are ended, one prune
   leaves nothing that no snapshot needs: no pack, tombstone, seen list, fence or session.

   Who is there (processes):
     W writers, 0 to 2, two sessions each: the second where the first was fenced, or (ADOPT=1) where it died, and the next run of its
       machine takes up its pack
     P pruners, 1 to 3, each with a victim: any pack, indexed or not, dead, half dead (it is repacked) or doubled; or any tombstone, which
       it finishes or takes over. Sessions of maintenance are waited for by mergers alone
       (ANY=1: it repacks none, but may choose one that is alive: then the rescue has to do)
     M mergers, 0 to 3: a prune's last step, alone; PARTIAL=1: of some segments, then without dropping names
     F=1: a forgetter of up to NF snapshots, who then cleans fences
     QUIET=1: a pruner that fences sessions though there is no tombstone, and does nothing more
     NOREMOVE=1: writers may not remove, and put `.end`          REPUT=1: a segment is put again, for its answer was lost
     DAMAGED=1: a tombstone of pack 1 is there of which nobody can read whose it is
     HEIR=1: a writer that reuses all of a parent without looking blobs up (parent_reuse.pml)
     KEPT=1: forget puts deleted/<sid> first, which is marked until it expires; UNDELETE=1: one is brought back, each blob
       looked up; TRUST=1: or, where there is no tombstone and then deleted/<sid> is in its place, none
     START=0: pack 0 has X and Y, pack 1 has Y; snapshot 0 needs X. START=1: both have X. */

#ifndef W
#define W 1
#endif
#ifndef P
#define P 1
#endif
#ifndef M
#define M 0
#endif
#ifndef F
#define F 0
#endif
#ifndef NF
#define NF 2
#endif
#ifndef QUIET
#define QUIET 0
#endif
#ifndef ADOPT
#define ADOPT 0
#endif
#ifndef PARTIAL
#define PARTIAL 0
#endif
#ifndef NOREMOVE
#define NOREMOVE 0
#endif
#ifndef REPUT
#define REPUT 0
#endif
#ifndef DAMAGED
#define DAMAGED 0
#endif
#ifndef HEIR
#define HEIR 0
#endif
#ifndef KEPT
#define KEPT 0
#endif
#ifndef UNDELETE
#define UNDELETE 0
#endif
#ifndef TRUST
#define TRUST 0
#endif
#ifndef ANY
#define ANY 0
#endif
#ifndef START
#define START 0
#endif
#ifndef JANITOR
#define JANITOR 0
#endif

/* Mutants: -DMUTANT=NAME takes one rule out, and the search must find a loss. model_test.py has the world in which each is found. */
#define NONE 0
/* of a writer (13.3) */
#define TOMBSTONES_BEFORE_SESSION 1
#define TOMBSTONES_NOT_LISTED 2
#define SEGMENTS_BEFORE_TOMBSTONES 3
#define INDEX_OF_BEFORE_BELIEVED 4
#define COMMIT_OVER_A_FENCE 5
#define OWN_PACK_BELIEVED_AFTER_A_FENCE 6
#define SEGMENT_AFTER_THE_END 7
#define COMMIT_AFTER_THE_END 8
#define ADOPTS_WHAT_IS_TAKEN_OUT 9
#define END_BEFORE_THE_COMMIT 10
/* of a pruner (13.4) */
#define SESSIONS_BEFORE_TOMBSTONE 20
#define WAITS_FOR_NOBODY 21
#define ENDS_WITHOUT_A_FENCE 22
#define ENDS_WHAT_A_CLOCK_FENCED 23
#define FIRST_MARKS_BELIEVED 24
#define RESCUE_BELIEVES_TOMBSTONED 25
#define RESCUE_LISTS_SEGMENTS_FIRST 26
#define RESCUE_GIVES_UP_A_SOURCE 27
#define REMOVED_NAMES_NOT_KEPT 28
#define TAKES_OVER_WITHOUT_A_LIST 29
/* of a forgetter (13.5) */
#define FORGET_REMOVES_AND_THEN_FENCES 40
#define FORGET_LISTS_SESSIONS_FIRST 41
#define FENCES_REMOVED_UNASKED 42
#define FENCE_CLEANER_LISTS_SESSIONS_FIRST 43
/* of a merger (13.4, 6) */
#define MERGE_WITHOUT_A_SESSION 50
#define DROPS_AT_ONCE 51
#define DROP_LISTS_SESSIONS_FIRST 52
#define DROPS_NAMES_WITH_ENTRIES 53                                  /* and removes the segments in any order */
#define MERGE_CARRIES_NO_NAMES 54
/* of forgetting with a delay */
#define DELETED_LISTED_FIRST 60
#define DELETED_NOT_MARKED 61
#define DELETED_PUT_LAST 62
#define UNDELETE_BELIEVES_TOMBSTONED 63
#define UNDELETE_REMOVES_FIRST 64
/* of reuse below a parent */
#define PARENT_SEEN_BEFORE_SESSION 70
#define PARENT_SEEN_BEFORE_TOMBSTONES 71
#define PARENT_IN_SPITE_OF_TOMBSTONES 72
#define HEIR_LISTS_TOMBSTONES_FIRST 73
#ifndef MUTANT
#define MUTANT NONE
#endif

#define bit(i) (1 << (i))
#define has(set, i) ((set) & bit(i))

/* --- names --- */

/* Sessions: 0 ended long ago; a writer's are 1 and 2, or 3 and 4; then pruners, mergers, and who else commits. */
#define FIRST_MAINTAINER (2 * W + 1)
#define SessionOfPruner(i) (FIRST_MAINTAINER + (i))
#define SessionOfMerger(i) (FIRST_MAINTAINER + P + (i))
#define LATE_WRITER (FIRST_MAINTAINER + P + M)                      /* undelete, or the heir */
#define NSESSIONS (2 * W + 1 + P + M + UNDELETE + HEIR)
#define WRITERS ((bit(FIRST_MAINTAINER) - 2) | ((UNDELETE || HEIR) -> bit(LATE_WRITER) : 0)) /* a seen list names these alone */

/* Packs: 0 and 1 are there at first; one of each session of a writer; two of each pruner. */
#define PackOf(session) ((session) + 1)
#define Repacked(pruner) (2 * W + 2 + 2 * (pruner))
#define Rescued(pruner) (2 * W + 3 + 2 * (pruner))
#define NPACKS (2 * W + 2 + 2 * P + JANITOR)
#define LAST_PACK (NPACKS - 1)

#if 2 * W + 2 + 2 * P + JANITOR > 8
#define PACKS short
#else
#define PACKS byte
#endif
#if 2 * W + 1 + P + M + UNDELETE + HEIR > 8
#define SESSIONS short
#else
#define SESSIONS byte
#endif

/* Maintenance that puts segments with lists: pruners, then mergers, then the janitor. */
#define NMAINTENANCE (P + M + JANITOR)
#define NRUNS (P + JANITOR + 1)                                     /* of tombstones; the last: nobody knows whose */
#define UNKNOWN_RUN (P + JANITOR)

/* --- the store; sets of numbers --- */

#if START == 0
PACKS packs = 3, in_x = 1, in_y = 3;                                /* data/<p>, and what they hold */
#else
PACKS packs = 3, in_x = 3, in_y = 0;
#endif
PACKS named = 3;                                                    /* index/<p>: as put by its session, names pack p alone */
PACKS merged[NMAINTENANCE], removed[NMAINTENANCE];                  /* index/<of maintenance>: entries, and `removed` list */
PACKS tombs[NRUNS];                                                 /* tombstones/<p>, by the run that they name */
SESSIONS seen[NRUNS]; byte lists;                                   /* tombstones/<run>.seen */
SESSIONS sessions, ended;                                           /* sessions/<s>, sessions/<s>.end */
SESSIONS committed = 1, fenced;                                     /* snapshots/<s>: a snapshot, or a fence */
#if KEPT
SESSIONS kept, promised;                                            /* deleted/<s>; and those that were promised to be there */
#else
#define promised 0
#endif
#if JANITOR
bool stop;
#define ALIVE provided (!stop)
#else
#define ALIVE
#endif

#define X 1
#define Y 2
/* Snapshots that need X are 0, those of the first writer, and the successor of 0. */
#define NEED_X (7 | ((UNDELETE || HEIR) -> bit(LATE_WRITER) : 0))
#define NEED_Y (6 | (W > 1 -> 24 : 0))
#define Needs(snapshots) ((((snapshots) & NEED_X) -> X : 0) | (((snapshots) & NEED_Y) -> Y : 0))
#define Holds(set) ((((set) & in_x) -> X : 0) | (((set) & in_y) -> Y : 0))

#if NMAINTENANCE == 1
#define OfAll(lists_) (lists_[0])
#elif NMAINTENANCE == 2
#define OfAll(lists_) (lists_[0] | lists_[1])
#elif NMAINTENANCE == 3
#define OfAll(lists_) (lists_[0] | lists_[1] | lists_[2])
#else
#define OfAll(lists_) (lists_[0] | lists_[1] | lists_[2] | lists_[3])
#endif
#define entries (named | OfAll(merged))
#define gone OfAll(removed)
#define index (entries & ~gone)
#if NRUNS == 2
#define tombstones (tombs[0] | tombs[1])
#elif NRUNS == 3
#define tombstones (tombs[0] | tombs[1] | tombs[2])
#else
#define tombstones (tombs[0] | tombs[1] | tombs[2] | tombs[3])
#endif
#define Filled(s) has(committed | fenced, s)
#define Gone(s) (!has(sessions, s) || has(ended, s))

inline Check() {
  assert(!(Needs(committed | promised) & ~Holds(packs & index)));
  assert(!(index & ~tombstones & ~packs))
}

/* --- the steps: what each call does to the store. Callers make them one step. --- */

inline PutSession(s) { sessions = sessions | bit(s) }
inline ListTombstones(to) { to = tombstones }
inline ListSegments(to) { to = index }
inline PutPack(p, blobs) {
  packs = packs | bit(p);
  in_x = in_x | (((blobs) & X) -> bit(p) : 0);
  in_y = in_y | (((blobs) & Y) -> bit(p) : 0)
}
inline PutSegment(p) { named = named | bit(p); Check() }
inline RemoveSession(s) { sessions = sessions & ~bit(s); ended = ended & ~bit(s) }
inline EndSession(s) {
#if NOREMOVE
  if :: (s) < FIRST_MAINTAINER -> ended = ended | bit(s) :: else -> RemoveSession(s) fi
#else
  RemoveSession(s)
#endif
}
inline ForgetTombstone(p) {
  tombs[0] = tombs[0] & ~bit(p); tombs[1] = tombs[1] & ~bit(p);
#if NRUNS > 2
  tombs[2] = tombs[2] & ~bit(p);
#endif
#if NRUNS > 3
  tombs[3] = tombs[3] & ~bit(p)
#endif
}
inline PutTombstone(p, whose) { ForgetTombstone(p); tombs[whose] = tombs[whose] | bit(p) }
inline ListSessions(to) { to = sessions & ~ended }
inline PutSeenList(whose, those) { seen[whose] = those; lists = lists | bit(whose) }
inline RemoveSeenList(whose) { seen[whose] = 0; lists = lists & ~bit(whose) }
inline Fence(s) { if :: !Filled(s) -> fenced = fenced | bit(s) :: else fi }
inline PutRemoved(by, p) { removed[by] = removed[by] | bit(p); Check() }
inline RemovePack(p) { packs = packs & ~bit(p); Check() }
inline RemoveTombstone(p) { ForgetTombstone(p); Check() }

/* ListSnapshots, and then what is to be kept though it was forgotten: a forget puts the second before it takes the first away. */
inline Mark(need) {
#if KEPT && MUTANT == DELETED_LISTED_FIRST
  need = Needs(kept);
  need = need | Needs(committed)
#elif KEPT && MUTANT != DELETED_NOT_MARKED
  need = Needs(committed);
  need = need | Needs(kept)
#else
  need = Needs(committed)
#endif
}

/* --- a writer: 13.3 --- */

proctype Writer(byte s) ALIVE {
  PACKS to_go, listed;
  byte missing;
  bool again, died, has_put, adopts;
#if MUTANT == INDEX_OF_BEFORE_BELIEVED
  PACKS before;
#elif MUTANT == OWN_PACK_BELIEVED_AFTER_A_FENCE
  byte own;
#elif MUTANT == SEGMENT_AFTER_THE_END
  byte late;
#endif
begin:
#if MUTANT == INDEX_OF_BEFORE_BELIEVED
  before = index;
#endif
#if MUTANT == TOMBSTONES_BEFORE_SESSION
  ListTombstones(to_go);
  PutSession(s);
#elif MUTANT == TOMBSTONES_NOT_LISTED
  PutSession(s);
#elif MUTANT == SEGMENTS_BEFORE_TOMBSTONES
  PutSession(s);
  ListSegments(listed);
  ListTombstones(to_go);
#else
  PutSession(s);
  ListTombstones(to_go);
#endif
  d_step {
#if MUTANT == SEGMENTS_BEFORE_TOMBSTONES
    skip;
#else
    ListSegments(listed);
#endif
#if ADOPT
    /* A pack of the session that died on this machine, if nothing names it, or takes it out. */
#if MUTANT == ADOPTS_WHAT_IS_TAKEN_OUT
    adopts = died && !has(entries & ~gone, PackOf(s - 1));
#else
    adopts = died && !has(entries | gone | to_go, PackOf(s - 1));
#endif
#endif
#if MUTANT == INDEX_OF_BEFORE_BELIEVED
    listed = listed | before; before = 0;
#endif
  }
#if ADOPT
  if
  :: died ->
     if
     :: atomic { adopts && has(packs, PackOf(s - 1)) -> skip }    /* lists packs, reads its directory */
        atomic {
          PutSegment(PackOf(s - 1)); listed = listed | bit(PackOf(s - 1));
#if MUTANT == ADOPTS_WHAT_IS_TAKEN_OUT
          to_go = to_go & ~bit(PackOf(s - 1))
#endif
        }
     :: atomic { !(adopts && has(packs, PackOf(s - 1))) -> skip }
     fi;
     atomic { Fence(s - 1); died = 0; adopts = 0 }
     RemoveSession(s - 1)                                         /* its lock proves that it is dead */
  :: else
  fi;
#endif
  d_step {
    missing = Needs(bit(s)) & ~Holds(listed & ~to_go);
#if MUTANT == OWN_PACK_BELIEVED_AFTER_A_FENCE
    missing = missing & ~own;
#endif
    to_go = 0; listed = 0
  }
  if
  :: missing ->
     atomic { PutPack(PackOf(s), missing); missing = 0; has_put = 1 }
#if ADOPT
     if :: (s & 1) -> goto dies :: skip fi;
#endif
#if MUTANT == SEGMENT_AFTER_THE_END
     if :: atomic { PutSegment(PackOf(s)) } :: late = PackOf(s) fi;   /* on its way */
#else
     atomic { PutSegment(PackOf(s)) }
#endif
#if REPUT
     if :: atomic { PutSegment(PackOf(s)) } :: skip fi;
#endif
  :: else
  fi;
#if ADOPT
  if :: (s & 1) -> goto dies :: skip fi;
#endif
commit:
#if MUTANT == END_BEFORE_THE_COMMIT
  EndSession(s);
#endif
#if MUTANT == SEGMENT_AFTER_THE_END
  if
  :: !late -> atomic { !Filled(s) -> committed = committed | bit(s); Check(); goto end }
  :: atomic { has(fenced, s) -> again = 1; goto end }
  :: goto end
  fi;
#elif MUTANT == COMMIT_OVER_A_FENCE
  atomic { committed = committed | bit(s); fenced = fenced & ~bit(s); Check(); goto end }
#else
  if
  :: atomic { !Filled(s) -> committed = committed | bit(s); Check(); if :: goto end :: goto commit fi }  /* or the answer is lost */
  :: atomic { has(committed, s) -> goto end }                                                          /* it is its own */
  :: atomic { has(fenced, s) -> again = 1; goto end }
  :: goto end                                                                                           /* the run is given up */
  fi;
#endif
end:
  if
  :: again && (s & 1) ->
#if MUTANT == OWN_PACK_BELIEVED_AFTER_A_FENCE
     own = (has_put -> Holds(bit(PackOf(s))) : 0);
#endif
     atomic {
       EndSession(s);
       s = s + 1; again = 0; has_put = 0; goto begin
     }
  :: else -> EndSession(s)
  fi;
#if MUTANT == SEGMENT_AFTER_THE_END
  if :: late -> atomic { PutSegment(late); late = 0 } :: else fi;
#elif MUTANT == COMMIT_AFTER_THE_END
  if :: atomic { !Filled(s) -> committed = committed | bit(s); Check() } :: else fi;
#endif
  goto out;
dies:
  atomic { s = s + 1; died = 1; has_put = 0; missing = 0; goto begin }
out:
  atomic { s = 0; missing = 0; again = 0; died = 0; has_put = 0; adopts = 0 }
}

/* --- a pruner: 13.4, but for the merge --- */

proctype Pruner(byte i) ALIVE {
  PACKS to_go, listed;
  SESSIONS waits;
  byte victim, need, missing, owner, known, k;
  bool there;
  PutSession(SessionOfPruner(i));
  Mark(need);
  atomic {                                                          /* step 1: any pack, or a tombstone that is there */
    victim = 0;
    do
    :: victim < LAST_PACK -> victim++
    :: has(packs | tombstones, victim) -> break
    :: victim == LAST_PACK && !has(packs | tombstones, victim) -> goto done
    od;
    there = (has(tombstones, victim) -> 1 : 0);
    missing = Holds(bit(victim)) & need & ~Holds(index & ~tombstones & ~bit(victim));
    if
    :: missing && (there || !has(packs, victim) || !has(index, victim)) -> missing = 0      /* that is left to the rescue */
#if ANY
    :: missing -> missing = 0
#endif
    :: missing && missing == Holds(bit(victim)) -> goto done                                /* wholly alive */
    :: else
    fi;
#if MUTANT != FIRST_MARKS_BELIEVED
    need = 0
#endif
  }
  if
  :: missing ->
     if
     :: atomic { has(packs, victim) -> PutPack(Repacked(i), missing); missing = 0 }
        atomic { PutSegment(Repacked(i)) }
        if :: has(fenced, SessionOfPruner(i)) -> goto done :: else fi   /* LookAtSlot: its own */
     :: atomic { !has(packs, victim) -> goto done }
     :: goto done
     fi
  :: else
  fi;

#if MUTANT == SESSIONS_BEFORE_TOMBSTONE
  ListSessions(waits);
#endif
  if
  :: there
  :: !there -> if :: atomic { PutTombstone(victim, i); there = 1 } :: goto done fi          /* step 2 */
  fi;

  atomic {                                                          /* step 3: ListTombstones says whose it is, */
    if
    :: !has(tombstones, victim) -> goto done
    :: else -> owner = 0; do :: !has(tombs[owner], victim) -> owner++ :: else -> break od
    fi
  }
  if :: owner != i -> atomic { known = lists; waits = (has(lists, owner) -> seen[owner] : 0) } :: else fi;   /* ListSeenLists */
  if
  :: owner != i && has(known, owner)
  :: owner != i && !has(known, owner) ->                                /* its run is gone or quiet: it is taken over */
     if
#if MUTANT == TAKES_OVER_WITHOUT_A_LIST
     :: skip
#else
     :: atomic { PutTombstone(victim, i); owner = i }
#endif
     :: goto done
     fi
  :: else
  fi;
  if
  :: owner == i ->
#if MUTANT != SESSIONS_BEFORE_TOMBSTONE
     ListSessions(waits);
#endif
     atomic { waits = waits & WRITERS; PutSeenList(i, waits) }
  :: else
  fi;
  known = 0; owner = 0;
#if MUTANT == WAITS_FOR_NOBODY
  waits = 0;
#endif
  do
  :: waits ->
     atomic {
       k = 0;
       do :: !has(waits, k) -> k++ :: else -> break od;
       if
       :: Filled(k) || Gone(k)
#if MUTANT == ENDS_WITHOUT_A_FENCE
       :: !Filled(k) && !Gone(k) -> RemoveSession(k)
#elif MUTANT == ENDS_WHAT_A_CLOCK_FENCED
       :: !Filled(k) && !Gone(k) -> Fence(k); RemoveSession(k)
#else
       :: !Filled(k) && !Gone(k) -> Fence(k)                        /* quiet, by this pruner's clock */
#endif
       :: goto done
       fi;
       waits = waits & ~bit(k); k = 0
     }
  :: else -> break
  od;

look_again:                                                         /* step 4 */
#if MUTANT != FIRST_MARKS_BELIEVED
  Mark(need);
#endif
#if MUTANT == RESCUE_LISTS_SEGMENTS_FIRST
  ListSegments(listed);
  ListTombstones(to_go);
#else
  if :: need -> ListTombstones(to_go) :: else fi;
#endif
  d_step {
#if MUTANT != RESCUE_LISTS_SEGMENTS_FIRST
    ListSegments(listed);
#endif
#if MUTANT == RESCUE_BELIEVES_TOMBSTONED
    to_go = 0;
#endif
    missing = need & ~Holds(listed & ~to_go & ~bit(victim));
#if MUTANT != FIRST_MARKS_BELIEVED
    need = 0;
#endif
    to_go = 0
  }
  if
  :: !missing -> listed = 0
  :: missing ->
     if
     :: atomic { !(missing & ~Holds(listed & packs)) -> PutPack(Rescued(i), missing); listed = 0; missing = 0 }
     :: atomic {
          (missing & ~Holds(listed & packs)) -> listed = 0; missing = 0;
#if MUTANT == RESCUE_GIVES_UP_A_SOURCE
          goto remove
#else
          goto look_again
#endif
        }
     :: goto done
     fi;
     atomic { PutSegment(Rescued(i)) }
     if :: has(fenced, SessionOfPruner(i)) -> goto done :: else fi   /* LookAtSlot: its own */
  fi;

remove:                                                             /* step 5 */
  if
#if MUTANT == REMOVED_NAMES_NOT_KEPT
  :: atomic { named = named & ~bit(victim); Check() }               /* the segments that name it are written anew without it */
#else
  :: atomic { PutRemoved(i, victim) }
#endif
  :: goto done
  fi;
  if :: atomic { RemovePack(victim) } :: goto done fi;
  if :: atomic { RemoveTombstone(victim) } :: goto done fi;
#if P > 1 || JANITOR
  known = lists;                                                    /* the lists first: of one that is seen all tombstones were put */
  atomic {
    k = 0;
    do
    :: k < P -> if :: has(known, k) && tombs[k] -> known = known & ~bit(k) :: else fi; k++
    :: else -> k = 0; break
    od
  }
  do
  :: known -> atomic { k = 0; do :: !has(known, k) -> k++ :: else -> break od; RemoveSeenList(k); known = known & ~bit(k); k = 0 }
  :: else -> break
  od;
#endif
done:
  atomic {
    EndSession(SessionOfPruner(i));
    victim = 0; need = 0; missing = 0; owner = 0; known = 0; k = 0; there = 0; to_go = 0; listed = 0; waits = 0; i = 0
  }
}

/* --- a merger: 13.4, step 6 --- */

#if M
#define OfSome(set, lists_) ((has(set, 0) -> lists_[0] : 0) | (NMAINTENANCE > 1 && has(set, 1) -> lists_[1 % NMAINTENANCE] : 0) | \
                             (NMAINTENANCE > 2 && has(set, 2) -> lists_[2 % NMAINTENANCE] : 0) | \
                             (NMAINTENANCE > 3 && has(set, 3) -> lists_[3 % NMAINTENANCE] : 0))

proctype Merger(byte i) ALIVE {                                     /* i: from P on */
  PACKS names, cover, put_entries, put_removed;
  SESSIONS others;
  byte covered, carriers, k;                                        /* segments of maintenance that are merged; of these, with names */
  bool all_ended;
#if MUTANT != MERGE_WITHOUT_A_SESSION
  PutSession(FIRST_MAINTAINER + i);
#endif
#if MUTANT == DROP_LISTS_SESSIONS_FIRST
  ListSessions(others);
#endif
#if MUTANT == DROPS_NAMES_WITH_ENTRIES
  names = gone;
#else
  names = gone & ~entries;
#endif
#if MUTANT != DROP_LISTS_SESSIONS_FIRST
  ListSessions(others);
#endif
  d_step { all_ended = !(others & sessions & ~ended & ~bit(FIRST_MAINTAINER + i)); others = 0 }
#if MUTANT == DROPS_AT_ONCE
  all_ended = 1;
#endif
  atomic {                                                          /* ListSegments, and what they say */
    k = 0;
    do
    :: k < NMAINTENANCE ->
       if :: removed[k] -> carriers = carriers | bit(k) :: !removed[k] && merged[k] -> covered = covered | bit(k) :: else fi;
       k++
    :: else -> k = 0; break
    od;
    cover = named;
#if PARTIAL
    if
    :: has(named, 0) -> cover = cover & ~bit(0); all_ended = 0
    :: has(named, 1) -> cover = cover & ~bit(1); all_ended = 0
    :: has(named, PackOf(1)) -> cover = cover & ~bit(PackOf(1)); all_ended = 0
    :: has(carriers, 0) -> carriers = carriers & ~1; all_ended = 0
    :: has(carriers, P) -> carriers = carriers & ~bit(P); all_ended = 0
    :: skip
    fi;
#endif
    put_removed = OfSome(carriers, removed);
    put_entries = (cover | OfSome(covered | carriers, merged)) & ~put_removed;
#if MUTANT == MERGE_CARRIES_NO_NAMES
    put_removed = 0;
#endif
    if
#if MUTANT == DROPS_NAMES_WITH_ENTRIES
    :: all_ended -> put_removed = put_removed & ~names
#else
    :: all_ended -> put_removed = put_removed & ~(names & ~(cover | OfSome(covered | carriers, merged)))
#endif
    :: else
    fi;
    names = 0; all_ended = 0
  }
  atomic { merged[i] = put_entries; removed[i] = put_removed; put_entries = 0; put_removed = 0; Check() }
#if MUTANT == DROPS_NAMES_WITH_ENTRIES
  goto names_first;
entries_last:
#endif
  do
  :: cover ->
     atomic {
       k = 0; do :: !has(cover, k) -> k++ :: else -> break od;
       named = named & ~bit(k); cover = cover & ~bit(k); k = 0; Check()
     }
  :: else -> break
  od;
  do
  :: covered ->
     atomic {
       k = 0; do :: !has(covered, k) -> k++ :: else -> break od;
       merged[k] = 0; covered = covered & ~bit(k); k = 0; Check()
     }
  :: else -> break
  od;
#if MUTANT == DROPS_NAMES_WITH_ENTRIES
  goto done;
names_first:
#endif
  do                                                                /* last those that carry names */
  :: carriers ->
     atomic {
       k = 0; do :: !has(carriers, k) -> k++ :: else -> break od;
       merged[k] = 0; removed[k] = 0; carriers = carriers & ~bit(k); k = 0; Check()
     }
  :: else -> break
  od;
#if MUTANT == DROPS_NAMES_WITH_ENTRIES
  goto entries_last;
done:
#endif
#if MUTANT != MERGE_WITHOUT_A_SESSION
  EndSession(FIRST_MAINTAINER + i)
#else
  skip
#endif
}
#endif

/* --- a pruner that only clears away: it fences what is quiet, whatever it is, though nothing is to be removed --- */

#if QUIET
proctype Quiet() ALIVE {
  byte k;
  do
  :: atomic {
       k = 0;
       do :: k < NSESSIONS - 1 -> k++ :: break od;
       if :: k && has(sessions, k) && !has(ended, k) -> Fence(k) :: else fi;
       k = 0
     }
  :: break
  od
}
#endif

/* --- a forgetter: 13.5 --- */

#if F
inline Promise(s) {                                                 /* told: it can be brought back until then */
#if MUTANT == DELETED_PUT_LAST
  promised = promised | bit(s)
#elif KEPT
  promised = promised | (kept & bit(s))
#else
  skip
#endif
}

proctype Forgetter() ALIVE {
  SESSIONS there, fences;
  byte n, s;
#if MUTANT == FORGET_LISTS_SESSIONS_FIRST
  there = sessions;
#endif
  do
  :: n < NF ->
     atomic {                                                       /* sees a snapshot */
       s = 0;
       do
       :: s < NSESSIONS - 1 -> s++
       :: has(committed, s) -> break
       :: s == NSESSIONS - 1 && !has(committed, s) -> s = 0; goto clean
       od;
       n++
     }
#if KEPT && MUTANT != DELETED_PUT_LAST
     kept = kept | bit(s);                                          /* PutDeleted (its look after that is for two who forget) */
#endif
#if MUTANT != FORGET_LISTS_SESSIONS_FIRST
     there = sessions;                                              /* ListSessions */
#endif
     if
     :: has(there, s) ->
#if MUTANT == FORGET_REMOVES_AND_THEN_FENCES
        committed = committed & ~bit(s);
        atomic { Fence(s) }
#else
        atomic { Promise(s); committed = committed & ~bit(s); fenced = fenced | bit(s) }    /* a fence over it, in one Put */
#endif
     :: else -> atomic { Promise(s); committed = committed & ~bit(s); fenced = fenced & ~bit(s) }
     fi;
#if MUTANT == DELETED_PUT_LAST
     kept = kept | bit(s);
#endif
#if MUTANT != FORGET_LISTS_SESSIONS_FIRST
     there = 0;
#endif
     s = 0
  :: break
  od;
clean:                                                              /* CleanFences */
#if MUTANT == FENCE_CLEANER_LISTS_SESSIONS_FIRST
  there = sessions;
  fences = fenced;
#else
  fences = fenced;
  there = sessions;
#endif
#if MUTANT == FENCES_REMOVED_UNASKED
  there = 0;
#endif
  atomic { fenced = fenced & ~(fences & ~there); n = 0; s = 0; fences = 0; there = 0 }
}
#endif

/* --- forgetting with a delay --- */

#if KEPT
proctype Expiry() ALIVE {                                           /* a pruner: their time is over, by the store's clock */
  byte s;
  do
  :: atomic {
       s = 0;
       do :: s < NSESSIONS - 1 -> s++ :: break od;
       if :: has(kept, s) -> kept = kept & ~bit(s); promised = promised & ~bit(s) :: else fi;
       s = 0
     }
  :: break
  od
}
#endif

#if UNDELETE
proctype Undelete() ALIVE {                                         /* of snapshot 0: a writer that can store nothing anew */
  PACKS to_go, listed;
  byte lost;
  bool found;
#if !TRUST
  found = has(kept, 0);                                             /* at any time: all is looked up */
#endif
  PutSession(LATE_WRITER);
  ListTombstones(to_go);
#if MUTANT == UNDELETE_BELIEVES_TOMBSTONED
  to_go = 0;
#endif
#if TRUST
  d_step { found = has(kept, 0); lost = to_go; to_go = 0 }          /* it is in its place, and there was no tombstone: as below a parent */
#else
  d_step { ListSegments(listed); lost = Needs(bit(0)) & ~Holds(listed & ~to_go); listed = 0; to_go = 0 }
#endif
  if
  :: found && !lost ->
#if MUTANT == UNDELETE_REMOVES_FIRST
     kept = kept & ~bit(0);
#endif
     if
     :: atomic { !Filled(LATE_WRITER) -> committed = committed | bit(LATE_WRITER); Check() }
     :: atomic { Filled(LATE_WRITER) -> skip }
     :: skip                                                        /* it is given up */
     fi
  :: else
  fi;
  atomic { EndSession(LATE_WRITER); lost = 0; found = 0 }
}
#endif

/* --- nobody else is at work any more: what does one prune leave? --- */

#if JANITOR
#define last_pack LAST_PACK
proctype Janitor() {
  byte need, p, r, missing;
  d_step {
    stop = 1;
    sessions = 0; ended = 0;                                        /* ended by who knows that they are dead */
    fenced = 0;                                                     /* CleanFences */
#if KEPT
    kept = 0; promised = 0;
#endif
    Mark(need);
    p = 0;
    do
    :: p < last_pack ->
       if
       :: has(tombstones, p) || has(packs | index, p) && (!has(index, p) ||
                                                          !(Holds(bit(p)) & need & ~Holds(index & ~tombstones & ~bit(p)))) ->
          r = 0; do :: r < UNKNOWN_RUN && !(has(tombs[r], p) && has(lists, r)) -> r++ :: else -> break od;
          if :: r == UNKNOWN_RUN -> PutTombstone(p, P); PutSeenList(P, 0) :: else fi;       /* its own, or taken over */
          missing = need & ~Holds(index & ~tombstones);
          assert(!(missing & ~Holds(index & packs)));
          if :: missing -> PutPack(last_pack, missing); PutSegment(last_pack) :: else fi;
          PutRemoved(P + M, p); RemovePack(p); RemoveTombstone(p)
       :: else
       fi;
       p++
    :: else -> break
    od;
    r = 0;
    do
    :: r < NRUNS -> if :: has(lists, r) && !tombs[r] -> RemoveSeenList(r) :: else fi; r++
    :: else -> break
    od;
    assert(!tombstones && !lists);
    assert(packs == index);                                         /* no orphan, and no entry without a pack */
    assert(!(need & ~Holds(packs)));
    p = 0;
    do
    :: p < last_pack -> assert(!has(packs, p) || (Holds(bit(p)) & need & ~Holds(packs & ~bit(p)))); p++
    :: else -> break
    od
  }
}
#endif

init {
  atomic {
#if DAMAGED
    tombs[UNKNOWN_RUN] = 2;
#endif
#if W
    run Writer(1);
#endif
#if W > 1
    run Writer(3);
#endif
    run Pruner(0);
#if P > 1
    run Pruner(1);
#endif
#if P > 2
    run Pruner(2);
#endif
#if M
    run Merger(P);
#endif
#if M > 1
    run Merger(P + 1);
#endif
#if M > 2
    run Merger(P + 2);
#endif
#if QUIET
    run Quiet();
#endif
#if F
    run Forgetter();
#endif
#if KEPT
    run Expiry();
#endif
#if UNDELETE
    run Undelete();
#endif
#if HEIR
    run Heir();
#endif
#if JANITOR
    run Janitor();
#endif
  }
}

/* A writer that reuses all that is below its parent without looking blobs up (SPEC 13.3, step 1), in the world of protocol.pml: right is
   only that it puts its session, then finds no tombstone, and then, last of all, its parent in its place. The parent is snapshot 0,
   which may be forgotten at any moment. */
#define HEIR 1
#include "protocol.pml"

proctype Heir() {
  PACKS to_go;
  bool found;
#if MUTANT == PARENT_SEEN_BEFORE_SESSION
  found = has(committed, 0); PutSession(LATE_WRITER); ListTombstones(to_go);
#elif MUTANT == HEIR_LISTS_TOMBSTONES_FIRST
  ListTombstones(to_go); found = has(committed, 0); PutSession(LATE_WRITER);
#elif MUTANT == PARENT_SEEN_BEFORE_TOMBSTONES
  PutSession(LATE_WRITER); found = has(committed, 0); ListTombstones(to_go);
#elif MUTANT == PARENT_IN_SPITE_OF_TOMBSTONES
  PutSession(LATE_WRITER); found = has(committed, 0);
#else
  PutSession(LATE_WRITER); ListTombstones(to_go); found = has(committed, 0);
#endif
  if
  :: found && !to_go ->
     if
     :: atomic { !Filled(LATE_WRITER) -> committed = committed | bit(LATE_WRITER); Check() }
     :: atomic { Filled(LATE_WRITER) -> skip }
     fi
  :: else
  fi;
  atomic { EndSession(LATE_WRITER); found = 0; to_go = 0 }
}

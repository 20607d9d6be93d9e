# Third-party libraries. Each is linked by the folders that may use it and by nobody else.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(BZip2 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(RocksDB REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(tsl-robin-map REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CURL REQUIRED)
find_package(EXPAT REQUIRED)

# For libraries that bring no CMake package: cairn_find_library(<target> <library> <header> [<folder of headers>]).
function(cairn_find_library target library header)
  find_library(CAIRN_LIB_${library} NAMES ${library})
  find_path(CAIRN_INCLUDE_${library} NAMES ${header} PATH_SUFFIXES ${ARGN})
  mark_as_advanced(CAIRN_LIB_${library} CAIRN_INCLUDE_${library})
  if(NOT CAIRN_LIB_${library} OR NOT CAIRN_INCLUDE_${library})
    message(FATAL_ERROR "${library} (${header}) was not found: run tools/install-deps build")
  endif()
  add_library(${target} UNKNOWN IMPORTED)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${CAIRN_LIB_${library}}"
                        INTERFACE_INCLUDE_DIRECTORIES "${CAIRN_INCLUDE_${library}}")
endfunction()

cairn_find_library(cairn::sodium sodium sodium.h)
cairn_find_library(cairn::zstd zstd zstd.h)      # the shared one: Debian's libzstd.a has no threads
cairn_find_library(cairn::xxhash xxhash xxhash.h)
cairn_find_library(cairn::acl acl sys/acl.h)
cairn_find_library(cairn::pq pq libpq-fe.h postgresql)
cairn_find_library(cairn::archive archive archive.h)
cairn_find_library(cairn::fuse3 fuse3 fuse3/fuse_lowlevel.h)
cairn_find_library(cairn::microhttpd microhttpd microhttpd.h)
cairn_find_library(cairn::ncursesw ncursesw curses.h)
cairn_find_library(cairn::tinfo tinfo term.h)

# The static one takes 4 MiB less of a process and starts sooner. Sanitizers know the shared one by its name
# (tsan.supp).
set(CAIRN_ROCKSDB RocksDB::rocksdb)
if(CAIRN_SANITIZE)
  set(CAIRN_ROCKSDB RocksDB::rocksdb-shared)
endif()

if(CAIRN_TESTS)
  find_package(GTest REQUIRED)
  # The distribution's python3 by preference: its packages are what tools/install-deps installs.
  find_program(CAIRN_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
  find_program(CAIRN_PYTHON NAMES python3 REQUIRED)
endif()
if(CAIRN_BENCH)
  find_package(benchmark REQUIRED)
endif()

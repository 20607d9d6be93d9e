# cairn_library(<target> [SUBFOLDERS] [EXCLUDE file...] [DEPS target...] [PRIVATE_LIBS target...])
#
# Makes this folder's *.cc and *.h a static library (an interface library while there is no .cc).
# SUBFOLDERS: also one level of folders below that have no CMakeLists.txt of their own.
# EXCLUDE: files that are not part of it. DEPS: lower levels, seen by whoever links this one.
# PRIVATE_LIBS: third-party libraries that only this folder's .cc files see.
function(cairn_library target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SUBFOLDERS" "" "EXCLUDE;DEPS;PRIVATE_LIBS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "cairn_library(${target}): what is ${arg_UNPARSED_ARGUMENTS}?")
  endif()

  set(here ${CMAKE_CURRENT_SOURCE_DIR})
  file(GLOB sources CONFIGURE_DEPENDS ${here}/*.cc)
  file(GLOB headers CONFIGURE_DEPENDS ${here}/*.h)
  if(arg_SUBFOLDERS)
    file(GLOB more_sources CONFIGURE_DEPENDS ${here}/*/*.cc)
    file(GLOB more_headers CONFIGURE_DEPENDS ${here}/*/*.h)
    list(APPEND sources ${more_sources})
    list(APPEND headers ${more_headers})
  endif()
  foreach(name IN LISTS arg_EXCLUDE)
    list(REMOVE_ITEM sources ${here}/${name})
  endforeach()

  if(sources)
    add_library(${target} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE ${arg_PRIVATE_LIBS})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} ${scope} ${arg_DEPS})
  if(headers)
    target_sources(${target} ${scope} FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
  endif()
endfunction()

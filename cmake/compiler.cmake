# Chooses a compiler, before project(), where neither the command line nor the
# environment named one: the newest Clang from 19 on, else GCC from 14 on.
if(NOT CMAKE_CXX_COMPILER AND "$ENV{CXX}" STREQUAL "")
  foreach(pair "clang++-19 clang-19" "clang++-20 clang-20" "clang++-21 clang-21" "clang++ clang" "g++-15 gcc-15"
               "g++-14 gcc-14")
    separate_arguments(pair)
    list(GET pair 0 cxx)
    list(GET pair 1 c)
    find_program(WEIR_CXX_FOUND NAMES ${cxx})
    find_program(WEIR_C_FOUND NAMES ${c})
    if(WEIR_CXX_FOUND AND WEIR_C_FOUND)
      set(CMAKE_CXX_COMPILER "${WEIR_CXX_FOUND}")
      set(CMAKE_C_COMPILER "${WEIR_C_FOUND}")
    endif()
    unset(WEIR_CXX_FOUND CACHE)
    unset(WEIR_C_FOUND CACHE)
    if(CMAKE_CXX_COMPILER)
      break()
    endif()
  endforeach()
endif()

if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(WEIR_CCACHE NAMES ccache)
  if(WEIR_CCACHE)
    # One cache for all checkouts, wherever they lie; and what ccache wants to be
    # told before it caches what is compiled with a precompiled header.
    set(launcher env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_PCH_EXTSUM=1
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_ctime,include_file_mtime
        ${CMAKE_CURRENT_LIST_DIR}/cached_compiler.sh "${WEIR_CCACHE}")
    set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
    unset(launcher)
  endif()
endif()

# After project(): refuses what cannot build this tree, with the reason.
macro(weir_check_compiler)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 19)
    set(WEIR_CLANG TRUE)
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 14)
    set(WEIR_CLANG FALSE)
  else()
    message(FATAL_ERROR
      "Weir needs Clang 19 or newer, or GCC 14 or newer; "
      "this is ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} (${CMAKE_CXX_COMPILER}).\n"
      "Older GCCs miscompile coroutines (a lambda with captures inside co_await loses them; long transfer "
      "chains overflow the stack), so they are refused rather than trusted.\n"
      "On Debian 12: apt-get install clang-19 lld-19, then configure in a fresh build directory.")
  endif()
endmacro()

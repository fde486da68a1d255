# Flags for all of our own code. Dependencies are system includes and do not
# see the warnings.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

# -O2 and not CMake's -O3; symbols and frame pointers stay in release, because
# profiles and stack samples are taken from running services.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g -DNDEBUG")
# What is compiled to be tested is compiled often: nothing is spent on speed, and
# on symbols only what a report of a sanitizer needs.
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g1")
add_compile_options(-fno-omit-frame-pointer -fdiagnostics-color=auto)

set(WEIR_WARNINGS -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi -Wold-style-cast
                  -Wimplicit-fallthrough -Wvla -Wcast-qual -Wundef -Werror)
if(WEIR_CLANG)
  list(APPEND WEIR_WARNINGS
    -Wthread-safety -Wunreachable-code-aggressive -Wcomma -Wloop-analysis -Wrange-loop-analysis
    # Options structs are made with designated initialisers; the fields left out have defaults.
    -Wno-missing-designated-field-initializers)
  add_link_options(-fuse-ld=lld)
endif()

set(WEIR_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them: address,undefined or thread")
option(WEIR_FUZZ "Build the fuzzers, and everything else with coverage for them" OFF)

if(WEIR_SANITIZE)
  # -O1: enough for tests to be quick, little enough for reports to be readable.
  string(REPLACE "-O0" "-O1" CMAKE_CXX_FLAGS_DEBUG "${CMAKE_CXX_FLAGS_DEBUG}")
  string(REPLACE "-O0" "-O1" CMAKE_C_FLAGS_DEBUG "${CMAKE_C_FLAGS_DEBUG}")
  add_compile_options(-fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all -fno-optimize-sibling-calls)
  add_link_options(-fsanitize=${WEIR_SANITIZE})
endif()
if(WEIR_FUZZ)
  if(NOT WEIR_CLANG)
    message(FATAL_ERROR "The fuzzers need Clang: libFuzzer is part of it.")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# What every executable of ours gets.
function(weir_executable target)
  target_compile_options(${target} PRIVATE ${WEIR_WARNINGS})
  if(WEIR_SANITIZE)
    target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/sanitizer_options.cc)
  endif()
endfunction()

# The standard library's headers are half of what compiling our files takes, and
# googlemock's two thirds for tests: each target parses them once.
set(WEIR_PRECOMPILED
  <algorithm> <array> <atomic> <charconv> <chrono> <coroutine> <cstddef> <cstdint> <cstring> <expected> <functional>
  <limits> <map> <memory> <mutex> <optional> <span> <string> <string_view> <thread> <type_traits> <utility> <variant>
  <vector>)
set(WEIR_PRECOMPILED_FOR_TESTS ${WEIR_PRECOMPILED} <gmock/gmock.h> <gtest/gtest.h>)
# Plain -include, which finds the .pch beside the header: through -Xclang, as CMake
# has it, the paths are hidden from ccache, and no other checkout finds what it keeps.
# Only the first -include looks for a .pch, which must not be when one is made; that
# it did not is a warning without a name.
if(WEIR_CLANG)
  set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -include <PCH_HEADER>)
  set(CMAKE_CXX_COMPILE_OPTIONS_CREATE_PCH -Wno-error -Xclang -emit-pch -include stddef.h -include <PCH_HEADER>
      -x c++-header)
endif()
function(weir_precompile target)
  target_precompile_headers(${target} PRIVATE ${ARGN})
  if(WEIR_CLANG)
    # Otherwise it differs each time it is made, and nothing made with it is found in a cache.
    target_compile_options(${target} PRIVATE -Xclang -fno-pch-timestamp)
  endif()
endfunction()

# What every test program gets: the tests' own sources, of which there are as many as
# there are others, are compiled quickly; what they test is compiled as ever.
function(weir_test_executable target)
  weir_executable(${target})
  target_compile_options(${target} PRIVATE -O0 -g1)
  weir_precompile(${target} ${WEIR_PRECOMPILED_FOR_TESTS})
endfunction()

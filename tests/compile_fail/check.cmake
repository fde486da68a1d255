# cmake -DSOURCE=<case> -DCOMPILER=<c++> -DFLAGS="<flags>" -P check.cmake
# FATAL_ERROR alone would wrap the compiler's words.
function(refuse)
  message(NOTICE "${ARGV0}")
  message(FATAL_ERROR "refused")
endfunction()

separate_arguments(FLAGS)
file(STRINGS ${SOURCE} expectations REGEX "^// expect: ")
if(NOT expectations)
  refuse("${SOURCE} has no line '// expect: <regular expression>'")
endif()

execute_process(COMMAND ${COMPILER} ${FLAGS} ${SOURCE} RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(failed)
  refuse("${SOURCE} must compile without MUST_FAIL, else it proves nothing:\n${output}")
endif()

execute_process(COMMAND ${COMPILER} ${FLAGS} -DMUST_FAIL ${SOURCE}
  RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT failed)
  refuse("${SOURCE} compiles although it must not")
endif()
foreach(expectation IN LISTS expectations)
  string(REPLACE "// expect: " "" expectation "${expectation}")
  if(NOT output MATCHES "${expectation}")
    refuse("${SOURCE} fails, without the expected diagnostic \"${expectation}\":\n${output}")
  endif()
endforeach()

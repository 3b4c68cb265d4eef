# SPDX-License-Identifier: Apache-2.0
# Runs an example without arguments in an empty folder: it must end with 0, say something, and complain about nothing.
get_filename_component(name ${EXAMPLE} NAME)
set(folder ${CMAKE_CURRENT_BINARY_DIR}/run-${name})
file(REMOVE_RECURSE ${folder})
file(MAKE_DIRECTORY ${folder})
execute_process(COMMAND ${EXAMPLE} WORKING_DIRECTORY ${folder} RESULT_VARIABLE result OUTPUT_VARIABLE output
                ERROR_VARIABLE error)
message("${output}")
if(NOT result EQUAL 0 OR output STREQUAL "" OR NOT error STREQUAL "")
  message(FATAL_ERROR "${name}: ended with ${result}: ${error}")
endif()

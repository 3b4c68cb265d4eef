# SPDX-License-Identifier: Apache-2.0
# The instruction sets that kernels are compiled for. kernels/CMakeLists.txt compiles them, the context offers them:
# both are told by FV_BUILD_<ISA>.
set(FV_ISAS scalar)
if(NOT FOVEA_SCALAR_ONLY)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    list(APPEND FV_ISAS avx2 avx512)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
    list(APPEND FV_ISAS neon)
  endif()
endif()
if(FOVEA_NATIVE_ONLY AND EXISTS /proc/cpuinfo)
  file(STRINGS /proc/cpuinfo has_avx512 REGEX "^flags.* avx512f .*" LIMIT_COUNT 1)
  if(NOT has_avx512)
    list(REMOVE_ITEM FV_ISAS avx512)
  endif()
endif()
string(TOUPPER "${FV_ISAS}" FV_ISA_DEFINITIONS)
list(TRANSFORM FV_ISA_DEFINITIONS PREPEND FV_BUILD_)

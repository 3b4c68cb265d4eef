# SPDX-License-Identifier: Apache-2.0
# Cross-building for 64-bit Arm on Debian; the programs run under qemu-user. FOVEA_SYSROOT is where
# scripts/arm64-sysroot.sh put the libraries for Arm.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FOVEA_SYSROOT)
if(NOT FOVEA_SYSROOT)
  set(FOVEA_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build-aarch64-sysroot)
endif()
get_filename_component(FOVEA_SYSROOT ${FOVEA_SYSROOT} ABSOLUTE)
set(CMAKE_FIND_ROOT_PATH ${FOVEA_SYSROOT} /usr/aarch64-linux-gnu)
# This machine's own libraries are for another processor.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_C_STANDARD_INCLUDE_DIRECTORIES ${FOVEA_SYSROOT}/usr/include/aarch64-linux-gnu) # jconfig.h
# Where the libraries find each other, at link and at run time.
set(FOVEA_SYSROOT_LIBS ${FOVEA_SYSROOT}/usr/lib/aarch64-linux-gnu)
foreach(kind EXE SHARED)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT -Wl,-rpath-link,${FOVEA_SYSROOT_LIBS})
endforeach()
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64;-L;/usr/aarch64-linux-gnu;-E;LD_LIBRARY_PATH=${FOVEA_SYSROOT_LIBS})

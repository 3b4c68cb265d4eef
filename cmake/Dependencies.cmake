# SPDX-License-Identifier: Apache-2.0
# The libraries (DESIGN section 6) as two interface targets: fv_deps links shared libraries, fv_deps_static archives where the
# system offers them (for the program; a shared libfovea cannot hold archives that are not position-independent).
find_package(Threads REQUIRED)
add_library(fv_deps INTERFACE)
add_library(fv_deps_static INTERFACE)

function(fv_require name header library)
  find_path(${name}_INCLUDE ${header})
  find_library(${name}_LIBRARY NAMES ${library})
  if(NOT ${name}_INCLUDE OR NOT ${name}_LIBRARY)
    message(FATAL_ERROR "${name} (${header}, lib${library}) is missing; './dev build' installs it on Debian and Ubuntu")
  endif()
  find_library(${name}_ARCHIVE NAMES lib${library}.a ${library})
  if(NOT FOVEA_STATIC_DEPS)
    set(${name}_ARCHIVE ${${name}_LIBRARY} CACHE FILEPATH "" FORCE)
  endif()
  target_include_directories(fv_deps SYSTEM INTERFACE ${${name}_INCLUDE})
  target_include_directories(fv_deps_static SYSTEM INTERFACE ${${name}_INCLUDE})
  target_link_libraries(fv_deps INTERFACE ${${name}_LIBRARY})
  target_link_libraries(fv_deps_static INTERFACE ${${name}_ARCHIVE})
  set(FV_DEPS_NAMES ${FV_DEPS_NAMES} ${library} PARENT_SCOPE) # in linking order: what users of libfovea.a link too
endfunction()

# fv_optional(NAME HEADER LIBRARY SYMBOL DEFINITION): links it and defines DEFINITION where the library is there and has SYMBOL.
# SHARED as last argument: also in the program, as the archive would need archives of its own.
include(CheckSymbolExists)
function(fv_optional name header library symbol definition)
  find_path(${name}_INCLUDE ${header})
  find_library(${name}_LIBRARY NAMES ${library})
  set(found FALSE)
  if(${name}_INCLUDE AND ${name}_LIBRARY)
    set(CMAKE_REQUIRED_INCLUDES ${${name}_INCLUDE})
    set(CMAKE_REQUIRED_LIBRARIES ${${name}_LIBRARY})
    check_symbol_exists(${symbol} ${header} ${definition}_WORKS)
    set(found ${${definition}_WORKS})
  endif()
  if(NOT found OR (DEFINED ${definition} AND NOT ${definition})) # -DFV_WITH_TIFF=OFF builds without it
    message(STATUS "Without ${name}")
    return()
  endif()
  find_library(${name}_ARCHIVE NAMES lib${library}.a ${library})
  if(NOT FOVEA_STATIC_DEPS OR "${ARGN}" STREQUAL "SHARED")
    set(${name}_ARCHIVE ${${name}_LIBRARY} CACHE FILEPATH "" FORCE)
    # What it shares with the program's archives it must take from its own libraries.
    target_link_options(fv_deps_static INTERFACE -Wl,--exclude-libs,ALL)
  endif()
  foreach(target fv_deps fv_deps_static)
    target_include_directories(${target} SYSTEM INTERFACE ${${name}_INCLUDE})
  endforeach()
  target_link_libraries(fv_deps INTERFACE ${${name}_LIBRARY})
  target_link_libraries(fv_deps_static INTERFACE ${${name}_ARCHIVE})
  set(FV_DEPS_NAMES ${FV_DEPS_NAMES} ${library} PARENT_SCOPE)
  set(FV_IO_DEFINITIONS ${FV_IO_DEFINITIONS} ${definition} PARENT_SCOPE)
endfunction()

# Order matters for archives: a library before what it uses.
fv_optional(libtiff tiffio.h tiff TIFFClientOpenExt FV_WITH_TIFF SHARED)
fv_optional(libwebp webp/decode.h webp WebPDecode FV_WITH_WEBP)
fv_optional(libzip zip.h zip zip_source_buffer_create FV_WITH_ZIP SHARED)
include(cmake/Protobuf.cmake)
fv_require(libyaml yaml.h yaml)
fv_require(jansson jansson.h jansson)
fv_require(libjpeg jpeglib.h jpeg)
fv_require(libpng png.h png)
fv_require(zlib zlib.h z)
# Last: archives need the mathematics library behind them.
target_link_libraries(fv_deps INTERFACE Threads::Threads m)
target_link_libraries(fv_deps_static INTERFACE Threads::Threads m)

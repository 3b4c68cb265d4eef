# SPDX-License-Identifier: Apache-2.0
# The required libraries (DESIGN section 6) as one interface target, static where the system offers an archive.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
add_library(fv_deps INTERFACE)
target_link_libraries(fv_deps INTERFACE Threads::Threads m)

function(fv_require name header archive)
  find_path(${name}_INCLUDE ${header})
  if(FOVEA_STATIC_DEPS AND NOT FOVEA_SANITIZE)
    find_library(${name}_LIBRARY NAMES lib${archive}.a ${archive})
  else()
    find_library(${name}_LIBRARY NAMES ${archive})
  endif()
  if(NOT ${name}_INCLUDE OR NOT ${name}_LIBRARY)
    message(FATAL_ERROR "${name} (${header}, lib${archive}) is missing; './dev build' installs it on Debian and Ubuntu")
  endif()
  target_include_directories(fv_deps SYSTEM INTERFACE ${${name}_INCLUDE})
  target_link_libraries(fv_deps INTERFACE ${${name}_LIBRARY})
endfunction()

# Order matters for static archives: a library before what it uses.
fv_require(libyaml yaml.h yaml)
fv_require(jansson jansson.h jansson)
fv_require(libjpeg jpeglib.h jpeg)
fv_require(libpng png.h png)
fv_require(zlib zlib.h z)
fv_require(pthreadpool pthreadpool.h pthreadpool)
